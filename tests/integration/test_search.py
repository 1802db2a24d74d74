"""Searches for ring notes, in the form of NIP-50's extensions: each term, several at once, with other fields, stored and live."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from relay.verify.ring_equations import to_ring_id
from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring, make_ring_note, pubkey_of
from tests.support.relays import OPEN_HOUSE, describe, make_config, relay_on

POLL = "a poll: 100%"
SMALL = make_ring_note("small", ring_size=3)
LARGE = make_ring_note("large", ring_size=6, kind=7)
LINKABLE = make_ring_note("linkable", ring_size=5, scope="poll", tags=(("t", "x"),))
SPACED = make_ring_note("spaced", ring_size=5, scope=POLL)
PLAIN = make_event(content="plain", tags=(("t", "x"), ("scope", "poll"), ("R", to_ring_id(make_ring(5)))))
EVERY = (SMALL, LARGE, LINKABLE, SPACED, PLAIN)


def find_key_image(note: Any) -> str:
    return str(next(tag[1] for tag in note.tags if tag[0] == "J"))


def names(events: list[dict[str, Any]]) -> set[str]:
    return {event["content"] for event in events}


@pytest_asyncio.fixture
async def reader(database18: dict[str, Any]) -> AsyncIterator[Client]:
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(*EVERY)
        yield client


@pytest.mark.parametrize(
    ("search", "found"),
    [
        (f"ring:{pubkey_of(KEYS[0])}", {"small", "large", "linkable", "spaced"}),
        (f"ring:{pubkey_of(KEYS[5])}", {"large"}),
        (f"ring:{pubkey_of(KEYS[6])}", set()),
        (f"ring:{pubkey_of(KEYS[0])} ring:{pubkey_of(KEYS[4])}", {"large", "linkable", "spaced"}),
        (f"ringid:{to_ring_id(make_ring(5))}", {"linkable", "spaced"}),
        (f"keyimage:{find_key_image(LINKABLE)}", {"linkable"}),
        ("scope:poll", {"linkable"}),
        ("scope:a%20poll:%20100%25", {"spaced"}),
        ("scheme:sag", {"small", "large"}),
        ("scheme:blsag", {"linkable", "spaced"}),
        ("minring:5", {"large", "linkable", "spaced"}),
        ("minring:1", {"small", "large", "linkable", "spaced"}),
        ("binding:event", {"small", "large", "linkable", "spaced"}),
        ("binding:message", set()),
        ("form:bound", {"small", "large", "linkable", "spaced"}),
        ("form:text", set()),
        (f"ring:{pubkey_of(KEYS[4])} minring:5 scheme:blsag form:bound scope:poll", {"linkable"}),
        # All must hold, and no note has two schemes.
        ("scheme:sag scheme:blsag", set()),
        ("minring:4 minring:6", {"large"}),
        # NIP-50: extensions of others are ignored.
        ("include:spam language:en scheme:sag", {"small", "large"}),
        ("language:en", {"small", "large", "linkable", "spaced", "plain"}),
        ("  ", {"small", "large", "linkable", "spaced", "plain"}),
        ("", {"small", "large", "linkable", "spaced", "plain"}),
    ],
)
async def test_a_search_finds_the_ring_notes_for_which_all_its_terms_hold(
    reader: Client, search: str, found: set[str]
) -> None:
    assert names(await reader.fetch({"search": search})) == found
    await reader.send("COUNT", "c", {"search": search})
    assert (await reader.next("COUNT"))[1]["count"] == len(found)


@pytest.mark.parametrize(
    ("others", "found"),
    [
        ({"kinds": [7]}, {"large"}),
        ({"#t": ["x"]}, {"linkable"}),
        ({"authors": [SMALL.pubkey, PLAIN.pubkey]}, {"small"}),
        ({"ids": [SPACED.id, PLAIN.id]}, {"spaced"}),
        ({"until": 1}, set()),
    ],
)
@pytest.mark.parametrize("search", [f"ring:{pubkey_of(KEYS[0])}", "minring:3", "form:bound"])
async def test_the_other_fields_of_a_filter_hold_too(
    reader: Client, search: str, others: dict[str, Any], found: set[str]
) -> None:
    assert names(await reader.fetch({"search": search, **others})) == found


async def test_what_a_search_finds_comes_newest_first_and_up_to_its_limit_and_the_end_of_that_second(
    database: dict[str, Any],
) -> None:
    notes = [make_ring_note(str(number), created_at=1000 + number // 2) for number in range(8)]
    expected = sorted(notes, key=lambda note: (-note.created_at, note.id))
    async with relay_on(database, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(*notes)
        for search in (f"ring:{pubkey_of(KEYS[1])}", "form:bound", f"ringid:{to_ring_id(make_ring(5))}"):
            for limit, many in ((4, 4), (5, 6)):
                found = await client.fetch({"search": search, "limit": limit})
                assert [event["id"] for event in found] == [note.id for note in expected[:many]]


@pytest.mark.parametrize(
    ("search", "reason"),
    [
        ("word", "unsupported: full-text search is not available"),
        ("scheme:sag word", "unsupported: full-text search is not available"),
        ("https://example.com", "unsupported: full-text search is not available"),
        ("ring:", "unsupported"),
        ("12:30", "unsupported"),
        ("ring:" + "AB" * 32, "invalid: a search has a value for ring: that no note can have"),
        ("ring:npub1", "invalid"),
        ("ringid:ab", "invalid"),
        ("keyimage:04" + "ab" * 32, "invalid"),
        ("scheme:lsag", "invalid"),
        ("minring:0", "invalid"),
        ("minring:-1", "invalid"),
        ("minring:100000", "invalid"),
        ("binding:none", "invalid"),
        ("form:A", "invalid"),
        ("scope:" + "x" * 129, "invalid"),
        ("scope:100%", "invalid"),
        ("scope:%ff", "invalid"),
        (7, "invalid: search must be a string"),
    ],
)
async def test_a_search_that_cannot_be_answered_is_closed_with_the_reason(
    database18: dict[str, Any], search: Any, reason: str
) -> None:
    async with relay_on(database18) as url, Client(url) as client:
        await client.send("REQ", "s", {"search": search})
        subscription, text = await client.next("CLOSED")
        assert subscription == "s"
        assert text.startswith(reason)


@pytest.mark.parametrize(
    "search",
    [f"ring:{pubkey_of(KEYS[4])}", "scope:poll", "scheme:blsag minring:5", f"ringid:{to_ring_id(make_ring(5))}"],
)
async def test_a_search_goes_on_live_at_every_relay_of_the_database(database18: dict[str, Any], search: str) -> None:
    last = make_ring_note("last", scope="poll", signer=3)
    async with (
        relay_on(database18, **OPEN_HOUSE) as first,
        relay_on(database18, **OPEN_HOUSE) as second,
        Client(first) as author,
        Client(first) as own,
        Client(second) as other,
    ):
        for client in (own, other):
            await client.follow(search=search)
        await author.publish_all(PLAIN, SMALL, LINKABLE, last)
        for client in (own, other):
            assert [(await client.next("EVENT"))[1]["id"] for _ in range(2)] == [LINKABLE.id, last.id]


async def test_an_ephemeral_ring_note_is_found_live(database18: dict[str, Any]) -> None:
    note = make_ring_note("whispered", kind=20_001)
    async with relay_on(database18) as first, relay_on(database18) as second, Client(second) as other:
        await other.follow(search=f"ring:{pubkey_of(KEYS[4])}")
        async with Client(first) as author:
            await author.publish_all(note)
        assert (await other.next("EVENT"))[1]["id"] == note.id


def test_the_info_document_names_what_can_be_searched_for(database18: dict[str, Any]) -> None:
    info = describe(make_config(database18))
    # NIP-50 is about plain words, and these are refused.
    assert 50 not in info["supported_nips"]
    keys = {"ring", "ringid", "keyimage", "scope", "scheme", "minring", "binding", "form"}
    assert set(info["ring_notes"]["search"]) == keys
