"""Ring notes in the bound form, made from a seed: over one ring for all of them, or over a ring a note."""

import hashlib
import random
from collections.abc import Iterator, Sequence

from bench.authors import Author, make_author
from relay.client.signing.ring_sign import sign_sag
from relay.protocol.event import Event, Tag, compute_id
from relay.verify.encoding import ORDER, encode_ring_a
from relay.verify.form_bound import SIGNED_PREFIX
from relay.verify.ring_equations import lift_x, to_ring_id

# What one of a pool's rings is drawn from, where each note has its own.
POOL = 3_000


def sign_event(author: Author, created_at: int, kind: int, tags: tuple[Tag, ...], content: str) -> Event:
    """Return a signed event: always the same one, as the signature has no random part (BIP-340's aux of zeros)."""
    event_id = compute_id(author.hex, created_at, kind, tags, content)
    signature = author.key.sign_schnorr(bytes.fromhex(event_id), bytes(32))
    return Event(event_id, author.hex, created_at, kind, tags, content, signature.hex())


def draw_ring(members: Sequence[Author], size: int, random_: random.Random) -> list[Author]:
    """Return so many members in the order of their keys, as the bound form wants them."""
    return sorted(random_.sample(members, size), key=lambda member: member.pubkey)


def sign_ring_note(ring: Sequence[Author], created_at: int, content: str, seed: int) -> Event:
    """Return a note that one of a ring signed, under a throwaway key; all that is random in it comes from the seed."""
    random_ = random.Random(f"{seed} {content}")
    outer = make_author(seed, f"throwaway {content}")
    keys = [member.pubkey for member in ring]
    tags: tuple[Tag, ...] = (("ring", *(member.hex for member in ring)), ("R", to_ring_id(keys)))
    message = (SIGNED_PREFIX + compute_id(outer.hex, created_at, 1, tags, content)).encode()
    signature = sign_sag(
        message,
        [lift_x(key) for key in keys],
        ring[random_.randrange(len(ring))].key.secret,
        draw=lambda: random_.randrange(1, ORDER),
    )
    return sign_event(outer, created_at, 1, (*tags, ("ringsig", encode_ring_a(signature))), content)


def make_ring_notes(members: Sequence[Author], size: int, *, shared: bool, seed: int, begin: int) -> Iterator[Event]:
    """Yield ring notes without end, a second apart: over one ring where it is shared, else over one a note."""
    name = f"{size} {shared}"
    random_ = random.Random(f"{seed} {name}")
    ring = draw_ring(members, size, random_)
    number = 0
    while True:
        if not shared and number:
            ring = draw_ring(members, size, random_)
        words = hashlib.sha256(f"{name} {number}".encode()).hexdigest()
        yield sign_ring_note(ring, begin + number, f"ring note {number} of {name}: {words}", seed)
        number += 1
