"""Small rings, from the author's words to a reader's check, through the commands and a relay with the default rules."""

import json
from pathlib import Path
from typing import Any

import pytest

from relay.config import Config
from relay.protocol import nip19
from relay.protocol.event import decode_event
from tests.support.client import Client
from tests.support.command import run
from tests.support.events import KEYS, make_ring, make_ring_note, make_words_note
from tests.support.relays import describe, make_config, relay_on

# The work that a relay asks for where its operator has set nothing, which `sign` has done.
DEFAULT_TIERS = [tier.model_dump() for tier in Config().tiers]
LINKABLE = ("--scheme", "blsag", "--scope", "poll")


async def sign(directory: Path, ring_size: int, *options: str) -> tuple[str, str]:
    """Sign a message as the first of the test keys. Return the note as it was printed, and what was said on stderr."""
    (directory / "ring.txt").write_text("".join(nip19.encode_npub(key) + "\n" for key in make_ring(ring_size)))
    (directory / "me.key").write_text(nip19.encode_nsec(KEYS[0].secret) + "\n")
    (directory / "me.key").chmod(0o600)
    files = ("--ring", str(directory / "ring.txt"), "--key-file", str(directory / "me.key"))
    done = await run("sign", *files, *options, stdin="said by me or Edward Snowden\n")
    assert done.status == 0, done.err
    return done.out, done.err


async def test_a_note_by_one_of_two_is_signed_published_served_and_verified(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    note, said = await sign(tmp_path, 2)
    assert "that one knows that it was you" in said
    async with relay_on(database18, tiers=DEFAULT_TIERS) as url, Client(url) as reader:
        published = await run("publish", url, stdin=note)
        assert (published.status, published.out) == (0, f"{decode_event(note).id} accepted\n")
        (served,) = await reader.fetch({"search": f"ring:{make_ring(2)[1].hex()}"})
        assert served == json.loads(note)
        assert await reader.fetch({"search": "minring:2"}) == [served]
        assert await reader.fetch({"search": "minring:3"}) == []
    verified = await run("verify", stdin=json.dumps(served))
    result = json.loads(verified.out)
    assert (verified.status, result["valid"], result["ring_size"]) == (0, True, 2)
    assert verified.err.startswith("a ring of 2 is small: ")


async def test_words_are_signed_by_one_of_two_and_published_in_one_run(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    await sign(tmp_path, 2)
    files = ("--ring", str(tmp_path / "ring.txt"), "--key-file", str(tmp_path / "me.key"))
    async with relay_on(database18, tiers=DEFAULT_TIERS) as url:
        done = await run("publish", url, *files, stdin="said by me or Edward Snowden\n")
    assert (done.status, done.out.partition(" ")[2]) == (0, "accepted\n")


async def test_a_linkable_ring_of_four_is_refused_with_what_to_do_and_one_of_five_accepted(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    small, said_of_small = await sign(tmp_path, 4, *LINKABLE)
    large, said_of_large = await sign(tmp_path, 5, *LINKABLE)
    assert "relays refuse a linkable ring of fewer than 5 by default" in said_of_small
    assert "relays refuse" not in said_of_large
    async with relay_on(database18, tiers=DEFAULT_TIERS) as url, Client(url) as reader:
        refused = await run("publish", url, stdin=small)
        assert (refused.status, refused.out) == (
            1,
            f"{decode_event(small).id} refused blocked: linkable rings need at least 5 members here, because the others can clear "
            "themselves one by one until only the signer is left; sign with sag, or add members\n",
        )
        assert "--scheme sag" in refused.err
        accepted = await run("publish", url, stdin=large)
        assert (accepted.status, accepted.out) == (0, f"{decode_event(large).id} accepted\n")
        assert [event["id"] for event in await reader.fetch({})] == [decode_event(large).id]
    # The refusal is a relay's own: the note itself is valid.
    verified = await run("verify", stdin=small)
    assert json.loads(verified.out)["valid"] is True


@pytest.mark.parametrize(
    ("ring", "smallest", "smallest_linkable"),
    [({}, 2, 5), ({"min_size": 7}, 7, 7), ({"min_size_linkable": 3}, 2, 3), ({"min_size_linkable": 2}, 2, 2)],
)
async def test_the_smallest_rings_that_are_advertised_are_the_smallest_that_are_accepted(
    database18: dict[str, Any], ring: dict[str, int], smallest: int, smallest_linkable: int
) -> None:
    info = describe(make_config(database18, ring=ring))["ring_notes"]
    assert (info["min_ring_size"], info["min_ring_size_linkable"]) == (smallest, smallest_linkable)
    async with relay_on(database18, ring=ring) as url, Client(url) as client:
        for scope, size in ((None, smallest), ("poll", smallest_linkable)):
            await client.publish_all(make_ring_note(ring_size=size, signer=0, scope=scope))
            if size > 2:
                accepted, text = await client.publish(make_ring_note(ring_size=size - 1, signer=0, scope=scope))
                assert (accepted, text.partition(":")[0]) == (False, "blocked")


async def test_linkable_words_need_as_many_members_in_the_other_forms(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url, Client(url) as client:
        accepted, text = await client.publish(make_words_note(ring_size=4, flag="poll"))
        assert not accepted
        assert text.startswith("blocked: linkable rings need at least 5 members here")
        await client.publish_all(make_words_note(ring_size=5, flag="poll"))
