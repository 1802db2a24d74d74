"""What no proof of work can change is said before any is asked for, on free and priced paths; what is slow to see, after it."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from relay.client.signing.draft import Draft
from relay.client.signing.message_forms import make_message_note
from relay.protocol.event import Event
from relay.protocol.ring_terms import Form
from relay.verify.ring_equations import RELEASE_FLAG
from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring, make_ring_note, make_unlucky, make_words_note
from tests.support.paid import shop
from tests.support.relays import relay_on

# Nobody has this much, and nothing of what is refused here has any.
TOO_MUCH_WORK = 32
AUTHOR = KEYS[70]
# Three, as no ring is too small by default.
RING = {"min_size": 3}


@dataclass(frozen=True)
class Refused:
    """An event, the beginning of its refusal, and what its path takes."""

    event: Event
    text: str
    tier: dict[str, Any] = field(default_factory=dict)


def large(ring_size: int, tag: str) -> Event:
    """Make an event with a ring tag of more keys than there are test keys, which nobody has signed."""
    keys = (f"{number:064x}" for number in range(ring_size))
    return make_event(key=AUTHOR, tags=((tag, *keys), ("ringsig" if tag == "ring" else "ring-signature", "ringA")))


def make_text(ring_size: int = 5) -> Event:
    draft = Draft(
        form=Form.TEXT, ring=make_ring(ring_size), secret=KEYS[0].secret, content="words", created_at=int(time.time())
    )
    return make_message_note(draft, AUTHOR)


REFUSED = {
    "a plain note": Refused(make_event(), "blocked: this relay only accepts ring-signed notes"),
    "a plain note with a ring's tag": Refused(
        make_event(kind=0, tags=(("R", "x"),)), "invalid: the tags R, J and scope"
    ),
    "a note too large for the path": Refused(
        make_ring_note("x" * 2_000), "invalid: notes have at most 1 KiB on this path", {"max_kib": 1}
    ),
    "a ring too large for the path": Refused(
        make_ring_note(ring_size=5), "blocked: rings have at most 4 members on this path", {"max_ring": 4}
    ),
    "a ring too small": Refused(make_ring_note(ring_size=2, signer=0), "blocked: rings need at least 3 members here"),
    "a linkable ring too small": Refused(
        make_ring_note(ring_size=4, scope="s"), "blocked: linkable rings need at least 5 members here"
    ),
    "a ring too large": Refused(large(1_025, "ring"), "blocked: rings have at most 1024 members here"),
    "a large ring on a path for small ones": Refused(
        large(1_000, "ring"), "blocked: rings have at most 500 members on this path", {"max_ring": 500}
    ),
    "a ring too large for words": Refused(
        large(400, "ring-members"), "blocked: rings have at most 128 members in this form"
    ),
    "words in another kind": Refused(
        make_event(kind=30_023, tags=make_words_note().tags), "invalid: a ring signature over the message alone"
    ),
    "a linkable note without a scope": Refused(
        make_words_note(flag=RELEASE_FLAG), "blocked: a linkable signature without a scope"
    ),
    "an author in the ring": Refused(
        make_event(key=KEYS[3], content="words", tags=make_words_note("words").tags), "blocked: the note's own pubkey"
    ),
    "an unlinkable poll response": Refused(make_ring_note(kind=1018), "invalid: a ring-signed poll response must be"),
    "two forms": Refused(
        make_event(tags=(("ring", "x"), ("ring-members", "x"))), "invalid: the tags of two forms of ring signature"
    ),
    "a claim that cannot be true": Refused(
        make_event(tags=(("ring", "x", "y"), ("ringsig", "x"))), "invalid: a ring member is not a public key"
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_no_work_can_change_is_said_first_on_a_free_path(database18: dict[str, Any], name: str) -> None:
    refused = REFUSED[name]
    tiers = [{"path": "/", "pow_bits": TOO_MUCH_WORK, **refused.tier}]
    async with relay_on(database18, tiers=tiers, ring=RING) as url, Client(url) as client:
        accepted, text = await client.publish(refused.event)
        assert not accepted
        assert text.startswith(refused.text)


async def test_what_no_work_can_change_is_said_first_on_a_priced_path(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    # A path of its own for what only a path refuses.
    paths = {name: f"/{number}" for number, name in enumerate(REFUSED)}
    tiers = [{"path": "/"}, *({"path": paths[name], "price_sat": 1_000, **REFUSED[name].tier} for name in REFUSED)]
    invoices = {"pow_bits": TOO_MUCH_WORK}
    async with shop(database18, tmp_path, tiers=tiers, invoices=invoices, ring=RING) as sold:
        for name, refused in REFUSED.items():
            async with Client(f"{sold.url}{paths[name]}") as client:
                accepted, text = await client.publish(refused.event)
                assert (accepted, text[: len(refused.text)]) == (False, refused.text)
        assert sold.node.made == []


async def test_what_a_priced_path_alone_refuses_is_said_before_work(database18: dict[str, Any], tmp_path: Path) -> None:
    soon = make_ring_note(tags=(("expiration", str(int(time.time()) + 60)),))
    invoices = {"pow_bits": TOO_MUCH_WORK}
    async with shop(database18, tmp_path, invoices=invoices) as sold, Client(sold.cheap) as client:
        assert (await client.publish(soon))[1].startswith("invalid: the event expires before it could be paid for")
        ephemeral = make_ring_note(kind=20_001)
        assert (await client.publish(ephemeral))[1].startswith("blocked: ephemeral events are not stored")


async def test_a_claim_that_is_slow_to_read_is_not_read_before_work(database18: dict[str, Any]) -> None:
    """The claims are false, which only a reader of them sees: without work nobody can have thousands of them read."""
    text = make_text()
    slow = [
        make_event(key=AUTHOR, content=text.content.replace("ringA", "ringB ringA")),
        make_event(key=AUTHOR, content='{"ring_signature":1}'),
        large(400, "ring"),
        # However small its ring.
        make_event(key=AUTHOR, content="x" * 20_000, tags=(("ring", "x", "y"), ("ringsig", "x"))),
    ]
    quick = large(100, "ring-members")
    for pow_bits, said_of_slow in ((TOO_MUCH_WORK, "pow"), (0, "invalid")):
        async with relay_on(database18, tiers=[{"path": "/", "pow_bits": pow_bits}]) as url, Client(url) as client:
            answers = [await client.publish(event) for event in slow]
            assert {text.partition(":")[0] for _, text in answers} == {said_of_slow}
            assert (await client.publish(quick))[1].startswith("invalid: ")


async def test_the_work_for_the_path_and_for_the_ring_is_asked_for_at_once(database18: dict[str, Any]) -> None:
    # Five links of 4,096 hashes are 14 bits.
    ring = {"pow_free_links": 0, "pow_hashes_per_link": 4_096}
    for path_bits, asked in ((10, 14), (20, 20)):
        tiers = [{"path": "/", "pow_bits": path_bits}]
        async with relay_on(database18, tiers=tiers, ring=ring) as url, Client(url) as client:
            text = f"pow: {asked} bits of proof of work are needed for this note (NIP-13); mine a nonce"
            assert await client.publish(make_unlucky()) == (False, text)


async def test_a_stored_note_is_a_duplicate_before_its_claim_is_verified(database18: dict[str, Any]) -> None:
    notes = [make_ring_note(), make_text(), make_words_note()]
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(*notes)
        for note in notes:
            assert await client.publish(note) == (True, "duplicate: already have this event")
