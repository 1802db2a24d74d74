"""Notes that look ring-signed and are not: none is ever served, and the dearest of them cost the others little."""

import asyncio
import json
import re
import secrets
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp
import pytest
from coincurve import PrivateKey

from relay.client.signing.ring_sign import sign_blsag, sign_sag
from relay.limits import Limits
from relay.protocol.event import Event, Tag
from relay.protocol.nip19 import encode_npub
from relay.protocol.ring_terms import Scheme
from relay.verify.encoding import RingSignature, encode_ring_a
from relay.verify.ring_equations import Dialect, lift_x, to_ring_id
from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring, make_ring_note, make_words_note, pubkey_of
from tests.support.processes import serve
from tests.support.relays import relay_on
from tests.support.rotation import rotate
from tests.support.time_factor import scaled

AUTHOR = KEYS[70]
WORDS = "said by one of us"
RING = make_ring(5)
HEX = [key.hex() for key in RING]
MEMBERS = [lift_x(key) for key in RING]
SAG = sign_sag(WORDS.encode(), MEMBERS, KEYS[2].secret)
COMPACT = encode_ring_a(SAG)
AS_JSON = json.dumps({"c0": SAG.c0.hex(), "s": [one.hex() for one in SAG.responses]})
BOUND = make_ring_note(WORDS, author=AUTHOR)
LINKABLE = make_ring_note(WORDS, author=AUTHOR, scope="s")


def post(content: str, *tags: Tag, kind: int = 1) -> Event:
    return make_event(key=AUTHOR, kind=kind, content=content, tags=tags)


def again(note: Event, *tags: Tag, content: str | None = None, kind: int | None = None) -> Event:
    """Sign a note's event again, with its author's key, after a change."""
    return make_event(
        key=AUTHOR,
        kind=note.kind if kind is None else kind,
        content=note.content if content is None else content,
        tags=tags or note.tags,
        created_at=note.created_at,
    )


def find_tag(note: Event, name: str) -> Tag:
    return next(tag for tag in note.tags if tag[0] == name)


def nip97(content: str, signature: str, keys: list[str] = HEX) -> Event:
    return post(content, ("ring-members", *keys), ("ring-signature", signature))


def nostringer(**members: object) -> Event:
    return post(json.dumps({"message": WORDS, "ring_members": HEX, "ring_signature": COMPACT} | members))


def text(before: str = WORDS, between: str = "Ring:", after: str = "", signature: str = COMPACT) -> Event:
    return post(f"{before}\n{between}\n{' '.join(HEX)}\n{signature}\n{after}")


def shift_flag(note: Event) -> Event:
    """Move a byte from the scope to the flag: the words around a signature must not change what it says."""
    changed = [("scope", "t") if tag[0] == "scope" else tag for tag in note.tags]
    return again(note, *changed)


def name_keys(form: str) -> Event:
    """Post the words and the ring, each key with what stands beside it in `form`."""
    return post("\n".join([WORDS, "Ring:", *(form.format(key) for key in HEX), COMPACT]))


LINKED = encode_ring_a(sign_blsag(WORDS.encode(), MEMBERS, KEYS[2].secret, "s"))
# In the TypeScript dialect these bytes are those of WORDS and of a first key with 02 before it.
SHIFTED = encode_ring_a(sign_sag(WORDS.encode() + b"\x02", MEMBERS, KEYS[2].secret, Dialect.TYPESCRIPT))
FIRST = next(key for key in KEYS if pubkey_of(key) == HEX[0])
OF_TWO = encode_ring_a(sign_sag(WORDS.encode(), MEMBERS[:2], FIRST.secret, Dialect.TYPESCRIPT))

HOSTILE = {
    # The marks of one form around the signature of another.
    "bound, a signature of words": again(BOUND, ("ring", *HEX), ("ringsig", COMPACT)),
    "bound, with the tags of another form": again(BOUND, *BOUND.tags, ("ring-members", *HEX)),
    "tags, a bound note's signature": nip97(WORDS, find_tag(BOUND, "ringsig")[1]),
    "tags, with a text that is signed": post(text().content, ("ring-members", *HEX), ("ring-signature", "x")),
    "a bound note's text in tags": nip97("nostr-ring-note:v1:" + "00" * 32, COMPACT),
    "JSON around a text's signature": post(json.dumps({"ring_signature": 1, "text": text().content})),
    "another kind": again(nip97(WORDS, COMPACT), kind=30023),
    "a bound note of another kind": again(BOUND, kind=7),
    # Words that the ring did not sign.
    "bound, other words": again(BOUND, content="other words"),
    "words before": text("He lies.\nMessage: " + WORDS),
    "words between": text(between="So do I.\nRing:"),
    "words after": text(after="So do I."),
    "words in the list": post(f"{WORDS}\n1. {HEX[0]}\n99. {HEX[1]}\n3. {HEX[2]}\n4. {HEX[3]}\n5. {HEX[4]}\n{COMPACT}"),
    "words in the nonce": again(BOUND, *BOUND.tags, ("nonce", "he lies", "0")),
    "words in JSON": nostringer(note="He lies."),
    "a subject in an R tag": again(nip97(WORDS, COMPACT), *nip97(WORDS, COMPACT).tags, ("R", to_ring_id(RING))),
    "an end the ring did not choose": again(
        nip97(WORDS, COMPACT), *nip97(WORDS, COMPACT).tags, ("expiration", "9999999999")
    ),
    "words in a name": name_keys("he lies to you all: {}"),
    "words in a name behind a key": name_keys("{} (and so do all the others)"),
    "words over several names": post(
        f"{WORDS}\nRing:\nWe say that: {HEX[0]}\nBob stole all: {HEX[1]}\nthe club money: {' '.join(HEX[2:])}\n{COMPACT}"
    ),
    "words without spaces in a name": name_keys("\u6211\u4eec\u58f0\u660e\u8463\u4e8b\u957f\u5077\u94b1: {}"),
    "a negation as a name": name_keys("never {}"),
    "a negation between keys": post(f"{WORDS}\nRing: {HEX[0]} and not {' '.join(HEX[1:])}\n{COMPACT}"),
    "names on both sides of keys": name_keys("Bob: {} (Bob)"),
    "a link as a name": name_keys("www.example.org: {}"),
    "a sentence beside a key": post(f"{WORDS}\nRing: {' '.join(HEX)} He lies.\n{COMPACT}"),
    "a sentence between keys": post(f"{WORDS}\nRing: {HEX[0]} and certainly not {' '.join(HEX[1:])}\n{COMPACT}"),
    "marks of direction in a name": name_keys("\u202eBob: {}"),
    "marks of direction before the words": text("\u202e" + WORDS),
    "accents heaped on a name": name_keys("B" + "\u0301" * 15 + ": {}"),
    "a label smuggled": text(between="Signed by the board:\nRing:"),
    "words behind a label": text(after="Message: He lies."),
    "words beside a label": text(after="Signature: of liars"),
    "a label that only looks like one": text(after="\u017fignature:"),
    "a count in a label": text(after="Ring (5 liars):"),
    "an unsigned quotation": text("> He lies.\n\nMessage: " + WORDS),
    "an unsigned quotation behind": text(after="> He lies."),
    "a quotation within a quotation": post(
        "\n".join(f"> {line}" for line in text("> He lies.\nMessage: " + WORDS).content.split("\n"))
    ),
    "quotes around more than the words": text(f"\u201c{WORDS} He lies.\u201d"),
    "a line that a program prints, and more": text(after="\u2713 Signature is valid! Really."),
    "a fence that says something": text(after="```liars"),
    "a comment in HTML": text(after="<!-- he lies -->"),
    "a hashtag": text(after="#liar"),
    "a line separator": text(after="\u2028He lies."),
    "a secret key among the keys": post(f"{WORDS}\nRing:\n{HEX[0]}\nnsec1{'q' * 58}\n{' '.join(HEX[1:])}\n{COMPACT}"),
    # A second meaning for one signature.
    "a rotated linkable signature": again(
        LINKABLE, *(("ringsig", "ringA") if tag[0] == "ringsig" else tag for tag in LINKABLE.tags)
    ),
    "a rotated ring": again(
        LINKABLE, *(("ring", *HEX[1:], HEX[0]) if tag[0] == "ring" else tag for tag in LINKABLE.tags)
    ),
    "a scope of another length": shift_flag(LINKABLE),
    "bound, in the TypeScript dialect": again(
        BOUND, ("ring", *HEX), ("ringsig", encode_ring_a(sign_sag(b"x", MEMBERS, KEYS[2].secret, Dialect.TYPESCRIPT)))
    ),
    "a ring of two, bytes shifted into the message": nip97(WORDS + "x", COMPACT, HEX[:2]),
    "a member less": nip97(WORDS, COMPACT, HEX[:-1]),
    "another order": nip97(WORDS, COMPACT, HEX[::-1]),
    "keys with 03 before them": nip97(WORDS, COMPACT, ["03" + key for key in HEX]),
    "a key with 03 before it": nip97(WORDS, COMPACT, ["03" + HEX[0], *HEX[1:]]),
    "a linkable signature over a key with 03": nip97(WORDS, LINKED, ["03" + HEX[0], *HEX[1:]]),
    "a key with 02 and with 03": nip97(WORDS, COMPACT, ["02" + HEX[0], "03" + HEX[0], *HEX[2:]]),
    "a byte shifted from the words to a key with 02": nip97(WORDS, SHIFTED, ["02" + HEX[0], *HEX[1:]]),
    "a byte shifted to a key with 02, in a text": post(f"{WORDS}\nRing:\n02{HEX[0]} {' '.join(HEX[1:])}\n{SHIFTED}"),
    "two keys, in the TypeScript dialect": nip97(WORDS, OF_TWO, HEX[:2]),
    "two keys, in the TypeScript dialect, in a text": post(f"{WORDS}\nRing: {HEX[0]} or {HEX[1]}\n{OF_TWO}"),
    "upper case": nip97(WORDS, COMPACT, [key.upper() for key in HEX]),
    "a key twice": nip97(WORDS, COMPACT, [*HEX[:4], HEX[0]]),
    "a key twice, once as npub": nostringer(ring_members=[*HEX[:4], encode_npub(RING[0])]),
    "two signatures": text(after=COMPACT),
    "a signature in two encodings": text(after=AS_JSON),
    "two rings": text(after=" ".join(HEX)),
    "a message twice": post('{"message":"He lies.",' + nostringer().content[1:]),
    "a signature twice": post(nostringer().content[:-1] + ',"ring_signature":"x"}'),
    "c0 twice": nip97(WORDS, '{"c0":"' + "11" * 32 + '",' + AS_JSON[1:]),
    "c0 through an escape": nip97(WORDS, AS_JSON.replace("c0", "c\\u0030")),
    "padding in the encoding": nip97(WORDS, COMPACT + "=="),
    "a response of zero": nip97(WORDS, AS_JSON.replace(SAG.responses[0].hex(), "00" * 32)),
    "a response above the order": nip97(WORDS, AS_JSON.replace(SAG.responses[0].hex(), "ff" * 32)),
    "a key image on the unlinkable scheme": again(BOUND, *BOUND.tags[:-1], ("J", "02" * 33), BOUND.tags[-1]),
    "unscoped": nip97(WORDS, encode_ring_a(sign_blsag(WORDS.encode(), MEMBERS, KEYS[2].secret, None))),
    "Nostringer's flag as a scope": nip97(
        WORDS, encode_ring_a(sign_blsag(WORDS.encode(), MEMBERS, KEYS[2].secret, "NostringerHp"))
    ),
    # Deep and large.
    "deep JSON": post('{"ring_signature":' + "[" * 40_000 + "]" * 40_000 + "}"),
    "deep JSON as a signature": nip97(WORDS, "[" * 90_000),
    "deep JSON in the message": post('{"message":' + '{"a":' * 5_000 + '""' + "}" * 5_000 + ',"ring_signature":"x"}'),
    "a large ring": nip97(WORDS, COMPACT, [f"{number:064x}" for number in range(1500)]),
    "a large ring of npubs": nostringer(ring_members=[encode_npub(RING[0])] * 1200),
    "a long signature": nip97(WORDS, "ringA" + "A" * 90_000),
    "a signature of one long number": nip97(WORDS, '{"c0":"' + "1" * 90_000 + '","s":[]}'),
    "a text full of keys": post(f"{' x '.join([HEX[0]] * 1300)} {COMPACT}"),
    "a text full of labels": text(between="Ring:\n" * 3_000),
    "a text full of names": text(between="Alice Bob, " * 8_000),
    "a text full of lists": text(between=f"{HEX[0]} {HEX[1]} he lies " * 600),
    "a text full of nprofiles": post(
        f"{WORDS}\n{chr(10).join(f'nprofile1{chr(113) * 240}' for _ in range(128))}\n{COMPACT}"
    ),
    "a text full of quotations": post("> x\n" * 2_400 + COMPACT),
    "a text full of signatures": post((COMPACT + "\n") * 200 + " ".join(HEX)),
    "a ring off the curve": again(BOUND, ("ring", *(f"{5 + number:064x}" for number in range(5))), BOUND.tags[-1]),
}


@pytest.mark.parametrize("accept", [{"plain": False}, {"plain": True}], ids=["ring notes only", "plain notes too"])
async def test_what_only_looks_ring_signed_is_refused_with_a_reason_and_never_served(
    database18: dict[str, Any], accept: dict[str, bool]
) -> None:
    async with relay_on(database18, accept=accept, limits={"events_per_s": 1000}) as url, Client(url) as client:
        await client.follow()
        for name, event in HOSTILE.items():
            await client.send("EVENT", event)
            # Anything served live would come before the OK, or in its place.
            event_id, accepted, reason = await client.next("OK")
            assert (event_id, accepted) == (event.id, False), (name, reason)
            assert reason.startswith(("invalid: ", "blocked: ", "pow: ")), (name, reason)
        assert await client.fetch({"limit": 1000}) == []
        await client.send("COUNT", "c", {})
        assert await client.next("COUNT") == ["c", {"count": 0, "counted": "notes"}]


async def test_a_rotated_linkable_signature_does_not_post_the_same_words_twice(database18: dict[str, Any]) -> None:
    note = make_words_note(WORDS, flag="scope")
    signature = sign_blsag(WORDS.encode(), MEMBERS, KEYS[2].secret, "scope")
    turned = rotate(WORDS.encode(), RING, signature)
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(note)
        accepted, reason = await client.publish(nip97(WORDS, encode_ring_a(turned), HEX[1:] + HEX[:1]))
        assert (accepted, reason.partition(":")[0]) == (False, "duplicate")


def make_dear_notes(count: int) -> list[bytes]:
    """Return frames of linkable notes over the largest ring, each a different event, and none with a signature that holds."""
    keys = sorted(PrivateKey((number + 1).to_bytes(32, "big")).public_key.format()[1:] for number in range(1024))
    scalars = tuple((1 + secrets.randbelow(2**200)).to_bytes(32, "big") for _ in keys)
    image = KEYS[0].public_key.format()
    signature = encode_ring_a(RingSignature(Scheme.BLSAG, scalars[0], scalars, image, "s"))
    tags: tuple[Tag, ...] = (("ring", *(key.hex() for key in keys)), ("scope", "s"), ("ringsig", signature))
    tail = json.dumps(tags, separators=(",", ":"))
    events = (make_event(key=AUTHOR, content=str(number), tags=tags) for number in range(count))
    return [
        f'["EVENT",{{"id":"{event.id}","pubkey":"{pubkey_of(AUTHOR)}","created_at":{event.created_at},"kind":1,'
        f'"tags":{tail},"content":"{event.content}","sig":"{event.sig}"}}]'.encode()
        for event in events
    ]


@pytest.mark.serial
@pytest.mark.parametrize(
    "pow_hashes_per_link",
    [
        pytest.param(64, id="with proof of work"),
        pytest.param(0, id="without", marks=pytest.mark.more("takes half a minute, alone")),
    ],
)
async def test_a_thousand_of_the_most_expensive_notes_are_bounded_in_what_they_cost(
    reachable_directory: Path, pow_hashes_per_link: int
) -> None:
    limits = Limits()
    frames = make_dear_notes(1000)
    links = 3 * 1024
    refusals: Counter[str] = Counter()
    settings = {
        "RING__POW_HASHES_PER_LINK": str(pow_hashes_per_link),
        "LIMITS__POW_HASHES_PER_ROW": str(pow_hashes_per_link),
        "METRICS__SNAPSHOT_EVERY_S": "0",
        "LIMITS__EVENTS_PER_S": "1000",
    }
    async with serve(reachable_directory, **settings) as relay:
        started_s = time.monotonic()
        flood = asyncio.gather(*(_flood(relay.url, frames[start::20], refusals) for start in range(20)))
        delays_s = []
        async with Client(relay.url) as other:
            while not flood.done():
                sent_s = time.monotonic()
                await other.publish_all(make_ring_note(str(sent_s)))
                delays_s.append(time.monotonic() - sent_s)
        await flood
        took_s = time.monotonic() - started_s
        verified = await _count_verified(relay.private_port)
    assert refusals.total() == 1000
    # Each of the twenty connections has its share of links a second and a burst of four times that, and no more.
    assert verified * links <= 20 * limits.ring_links_per_s * (limits.burst_factor + took_s)
    if pow_hashes_per_link:
        assert refusals == {"pow": 1000}
        assert verified == 0
    else:
        assert set(refusals) <= {"invalid", "rate-limited", "error"}
    # An honest author waits behind one expensive note on each thread and a few frames, not behind all of them.
    assert len(delays_s) > 2
    assert median(delays_s) < scaled(1.0)


async def _flood(url: str, frames: list[bytes], refusals: Counter[str]) -> None:
    async with Client(url) as client:
        for frame in frames:
            await client.send_raw(frame.decode())
        for _ in frames:
            _, accepted, reason = await client.next("OK")
            assert not accepted
            refusals[reason.partition(":")[0]] += 1


async def _count_verified(port: int) -> float:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as response:
        text = await response.text()
    found = re.search(
        r'^ringrelay_ring_verifications_total{outcome="refused",scheme="blsag"} (\S+)$', text, re.MULTILINE
    )
    assert found
    return float(found[1])
