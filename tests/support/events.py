"""Events for tests: plain ones signed with fixed keys, and bound ring notes. Signs with coincurve, not with the relay's code."""

import hashlib
import json
import time
from typing import Any

from coincurve import PrivateKey

from relay.client.signing.bound_form import make_bound_note
from relay.client.signing.draft import Draft
from relay.client.signing.ring_sign import sign_blsag, sign_sag
from relay.protocol.event import Event, encode_event
from relay.protocol.ring_terms import Scheme
from relay.storage.note import Note
from relay.verify import proof
from relay.verify.encoding import encode_ring_a
from relay.verify.ring_equations import lift_x

KEYS = [PrivateKey(hashlib.sha256(b"ringrelay-test-key-%d" % number).digest()) for number in range(80)]


def pubkey_of(key: PrivateKey) -> str:
    return key.public_key.format()[1:].hex()


def make_event(
    *,
    key: PrivateKey = KEYS[0],
    kind: int = 1,
    content: str = "hello",
    tags: tuple[tuple[str, ...], ...] = (),
    created_at: int | None = None,
) -> Event:
    """Make a signed plain event. The id is made with Python's json module, as NIP-01 describes it."""
    created_at = int(time.time()) if created_at is None else created_at
    serialised = json.dumps(
        [0, pubkey_of(key), created_at, kind, tags, content], separators=(",", ":"), ensure_ascii=False
    )
    event_id = hashlib.sha256(serialised.encode()).digest()
    signature = key.sign_schnorr(event_id)
    return Event(event_id.hex(), pubkey_of(key), created_at, kind, tags, content, signature.hex())


def make_ring(size: int = 5) -> list[bytes]:
    return sorted(bytes.fromhex(pubkey_of(key)) for key in KEYS[:size])


def make_ring_note(
    content: str = "said by one of us",
    *,
    ring_size: int = 5,
    signer: int = 2,
    scope: str | None = None,
    kind: int = 1,
    tags: tuple[tuple[str, ...], ...] = (),
    created_at: int | None = None,
    pow_bits: int = 0,
    author: PrivateKey | None = None,
) -> Event:
    """Make a bound note: linkable where a scope is given."""
    draft = Draft(
        ring=make_ring(ring_size),
        secret=KEYS[signer].secret,
        scheme=Scheme.SAG if scope is None else Scheme.BLSAG,
        scope=scope,
        kind=kind,
        content=content,
        tags=tags,
        created_at=int(time.time()) if created_at is None else created_at,
        pow_bits=pow_bits,
    )
    return make_bound_note(draft, author)


def make_unlucky(*arguments: Any, **options: Any) -> Event:
    """Make a ring note whose id has no leading zero bit, as one in two has."""
    return next(note for _ in range(100) if (note := make_ring_note(*arguments, **options)).id[0] in "89abcdef")


def make_words_note(
    content: str = "said by one of us", *, ring_size: int = 5, signer: int = 2, flag: str | None = None
) -> Event:
    """Make a note whose ring signs the words only (the form of nips pull request 1894): linkable where a flag is given."""
    ring = make_ring(ring_size)
    members = [lift_x(key) for key in ring]
    secret = KEYS[signer].secret
    message = content.encode()
    signature = sign_sag(message, members, secret) if flag is None else sign_blsag(message, members, secret, flag)
    tags = (("ring-members", *(key.hex() for key in ring)), ("ring-signature", encode_ring_a(signature)))
    return make_event(key=PrivateKey(), content=content, tags=tags)


def sign_again(
    event: Event, key: PrivateKey, tags: tuple[tuple[str, ...], ...], created_at: int | None = None
) -> Event:
    """Return the event with other tags, and where it is given another time, with an id and an author's signature that fit."""
    time_s = event.created_at if created_at is None else created_at
    return make_event(key=key, kind=event.kind, content=event.content, tags=tags, created_at=time_s)


def to_note(event: Event) -> Note:
    """Return an event as the relay's inner parts pass it on, with nothing proved of it."""
    return Note(event, encode_event(event), None)


def to_ring_note(event: Event) -> Note:
    """Return a ring note as the relay's inner parts pass it on."""
    return Note(event, encode_event(event), proof.detect_claim(event))
