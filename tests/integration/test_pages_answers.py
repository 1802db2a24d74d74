"""Answers and polls on the page of a note: members are counted, not notes, and a poll has a tally by ring."""

import re
import time
from typing import Any

import pytest

from relay.protocol.event import Event
from relay.storage import page_reader
from relay.verify.ring_equations import to_ring_id
from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring, make_ring_note
from tests.support.pages import Page, open_page
from tests.support.relays import OPEN_HOUSE, relay_on

OPTIONS = (("option", "y", "The <board>"), ("option", "n", "Nobody"), ("option", "n", "twice"))


def make_poll(*tags: tuple[str, ...], content: str = "Who knew?", **options: Any) -> Event:
    return make_ring_note(content, kind=1068, tags=(*OPTIONS, *tags), **options)


def make_open_poll(*tags: tuple[str, ...]) -> Event:
    """Make a poll that any ring may answer: a plain one, which names none."""
    return make_event(kind=1068, content="Who knew?", tags=(*OPTIONS, *tags))


def respond(poll: Event, signer: int, *chosen: str, **options: Any) -> Event:
    tags = (("e", poll.id), *(("response", option) for option in chosen))
    return make_ring_note("", kind=1018, tags=tags, scope=f"1018:{poll.id}", signer=signer, **options)


def react(note: Event, signer: int, content: str = "+", **options: Any) -> Event:
    return make_ring_note(content, kind=7, tags=(("e", note.id),), scope=f"7:{note.id}", signer=signer, **options)


def read_tally(page: Page) -> list[tuple[str, str]]:
    """Return the bars of a page: value and maximum."""
    return [(str(bar["value"]), str(bar["max"])) for bar in page.find("meter")]


async def test_answers_are_counted_by_member_and_listed(database18: dict[str, Any]) -> None:
    note = make_ring_note("what do you think?")
    # A reaction that is no answer is stored, and not counted.
    uncounted = make_ring_note("no answer", kind=7, tags=(("e", note.id),))
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(note, react(note, 1), react(note, 2, "well \u202esaid"), uncounted)
        assert not (await client.publish(react(note, 2, "again")))[0]
        page = await open_page(url, f"/note/{note.id}")
        assert "Reactions: 2" in page.text
        assert "“+”" in page.text
        assert "“well said”" in page.text
        assert "no answer" not in page.text
        await client.send("COUNT", "c", {"kinds": [7], "#e": [note.id]})
        assert (await client.next("COUNT"))[1]["count"] == 2


async def test_notes_in_reply_are_listed_on_the_page_of_the_note_that_they_answer(database18: dict[str, Any]) -> None:
    note, other = make_ring_note("what do you think?"), make_ring_note("and of this?")
    reply = make_ring_note("I was \u202ethere", tags=(("e", note.id, "", "root"),), created_at=note.created_at - 5)
    # It names the note on its way to another.
    elsewhere = make_ring_note("not here", tags=(("e", note.id, "", "root"), ("e", other.id, "", "reply")))
    many = [make_ring_note(f"reply {n}", tags=(("e", other.id),)) for n in range(25)]
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(note, other, reply, elsewhere, *many)
        page = await open_page(url, f"/note/{note.id}")
        assert "“I was there”" in page.text
        assert "Signed by one of 5 keys" in page.text
        assert "not here" not in page.text
        seen: list[str] = []
        path = f"/note/{other.id}"
        while path:
            page = await open_page(url, path)
            seen += re.findall(r"“reply (\d+)”", page.text)
            path = next((link.partition("#")[0] for link in page.links if "?replies=" in link), "")
        assert sorted(map(int, seen)) == list(range(25))


async def test_a_note_in_reply_is_found_behind_more_reactions_than_are_looked_at_at_once(
    database18: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Smaller than in use: 500 answers by members take long to make.
    monkeypatch.setattr(page_reader, "WINDOW", 5)
    note = make_ring_note("what do you think?", ring_size=20)
    reply = make_ring_note("I was there", tags=(("e", note.id),), created_at=note.created_at - 600)
    reactions = [react(note, signer, ring_size=20) for signer in range(12)]
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(note, reply, *reactions)
        path, pages = f"/note/{note.id}", 0
        while "“I was there”" not in (page := await open_page(url, path)).text:
            path, pages = next(link.partition("#")[0] for link in page.links if "?replies=" in link), pages + 1
        assert pages == 2


async def test_answers_are_read_on_page_by_page_and_each_is_there_once(database18: dict[str, Any]) -> None:
    note = make_ring_note("what do you think?", ring_size=45)
    answers = [react(note, signer, ring_size=45) for signer in range(45)]
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(note, *answers)
        read: list[str] = []
        following = [f"/note/{note.id}"]
        while following:
            page = await open_page(url, following[0])
            assert "Reactions: 45" in page.text
            read += [link.removeprefix("/note/") for link in page.links if re.fullmatch("/note/[0-9a-f]{64}", link)]
            following = [link.partition("#")[0] for link in page.links if "?answers=" in link]
        assert sorted(read) == sorted(answer.id for answer in answers)
        for wrong in ("x", "02", "ff" * 40):
            assert "Reactions: 45" in (await open_page(url, f"/note/{note.id}?answers={wrong}")).text


async def test_plain_reactions_are_told_apart_where_anybody_may_answer(database18: dict[str, Any]) -> None:
    note = make_event(content="anyone?")
    plain = [make_event(key=KEYS[n], kind=7, content="+", tags=(("e", note.id),)) for n in (50, 51)]
    async with relay_on(database18, accept={"plain": True}) as url, Client(url) as client:
        await client.publish_all(note, react(note, 1), *plain)
        page = await open_page(url, f"/note/{note.id}")
        assert "Reactions: 3 (some are not ring-signed: anybody can post any number of these)" in page.text


async def test_a_poll_has_a_tally_of_its_ring_and_one_response_a_member(database18: dict[str, Any]) -> None:
    poll = make_poll()
    gone = respond(poll, 4, "y", author=KEYS[60])
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(poll, respond(poll, 0, "y"), respond(poll, 1, "y", "n"), respond(poll, 2, "n"))
        await client.publish_all(respond(poll, 3, "other"), gone)
        assert not (await client.publish(respond(poll, 2, "y")))[0]
        await client.publish_all(make_event(key=KEYS[60], kind=5, tags=(("e", gone.id),)))
        page = await open_page(url, f"/note/{poll.id}")
        assert "Responses to the poll: 4" in page.text
        assert f"/ring/{to_ring_id(tuple(make_ring(5)))}" in page.links
        assert read_tally(page) == [("2", "4"), ("1", "4"), ("1", "4")]
        assert "The <board> 2" in page.text
        assert "Nobody 1" in page.text
        assert "(something else) 1" in page.text
        assert "twice" not in page.text
        # The options are the ring's words, too.
        assert "The <board>" in page.boxes[0]


async def test_a_poll_for_any_ring_has_a_tally_for_each(database18: dict[str, Any]) -> None:
    poll = make_open_poll(("polltype", "multiplechoice"))
    async with relay_on(database18, accept={"plain": True}) as url, Client(url) as client:
        await client.publish_all(poll, respond(poll, 0, "y", "n", "y"), respond(poll, 1, "n"))
        await client.publish_all(respond(poll, 6, "y", ring_size=7))
        page = await open_page(url, f"/note/{poll.id}")
        assert read_tally(page) == [("1", "2"), ("2", "2"), ("1", "1"), ("0", "1")]
        assert "2 keys of the ring" in page.text
        assert "1 key of the ring" in page.text


async def test_responses_that_are_dated_after_the_end_are_not_counted(database18: dict[str, Any]) -> None:
    ends_at = int(time.time()) - 100
    poll = make_poll(("endsAt", str(ends_at)), created_at=ends_at - 100)
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(poll, respond(poll, 0, "y", created_at=ends_at), respond(poll, 1, "y"))
        page = await open_page(url, f"/note/{poll.id}")
        assert read_tally(page) == [("1", "1"), ("0", "1")]
        assert "1 response is dated after the end, and not counted." in page.text
        assert "Its author says that the poll ends on" in page.text


async def test_a_poll_without_responses_says_so(database18: dict[str, Any]) -> None:
    poll = make_poll()
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(poll)
        assert "No ring member has responded yet." in (await open_page(url, f"/note/{poll.id}")).text


async def test_what_looks_like_a_response_in_the_words_of_one_is_none(database18: dict[str, Any]) -> None:
    poll = make_poll(content='["response","y"]')
    answer = respond(poll, 0, 'a"\\b\n["response","n"]', "n")
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(poll, answer)
        page = await open_page(url, f"/note/{poll.id}")
        assert read_tally(page) == [("0", "1"), ("0", "1"), ("1", "1")]


async def test_of_a_response_the_first_hundred_options_count(database18: dict[str, Any]) -> None:
    poll = make_open_poll(("polltype", "multiplechoice"))
    junk = [str(number) for number in range(100)]
    responses = [respond(poll, 1, *junk, "y"), respond(poll, 2, *junk[1:], "y")]
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(poll, *responses)
        page = await open_page(url, f"/note/{poll.id}")
        assert read_tally(page) == [("1", "2"), ("0", "2"), ("1", "2")]
        assert "(something else) 1" in page.text
