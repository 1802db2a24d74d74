"""`ringrelay subscribe` reads a feed whole, page after page (NIP-67), and from a relay that lies it comes to an end."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from relay.protocol.event import Event
from tests.integration.test_ties import HOUR, ids_of, make_hour, store, with_limits
from tests.support import command
from tests.support.client import Client, to_json
from tests.support.command import Finished
from tests.support.events import make_event, make_ring_note
from tests.support.fake_relay import SUBSCRIPTION, Script, run_fake_relay
from tests.support.relays import OPEN_HOUSE, relay_on


async def read_stored(url: str, *options: str) -> Finished:
    return await command.run("subscribe", url, "--stored", "--plain", "--json", *options)


def read_ids(done: Finished) -> list[str]:
    return [json.loads(line)["event"]["id"] for line in done.out.splitlines()]


def newest_first(notes: Sequence[Event]) -> list[str]:
    return ids_of(sorted(notes, key=lambda note: (-note.created_at, note.id)))


def old_relay(notes: Sequence[Event], most: int, hint: str | None = None, *, heeds_until: bool = True) -> Script:
    """Return the script of a relay that sends at most so many notes at once, wherever a second ends."""

    def send(filter_: dict[str, Any]) -> list[Any]:
        until = filter_.get("until", 2**53) if heeds_until else 2**53
        found = [
            note for note in sorted(notes, key=lambda note: (-note.created_at, note.id)) if note.created_at <= until
        ]
        said = ("more" if len(found) > most else "finish") if hint == "honest" else hint
        end = ["EOSE", SUBSCRIPTION] if said is None else ["EOSE", SUBSCRIPTION, [said]]
        return [*(["EVENT", SUBSCRIPTION, to_json(note)] for note in found[:most]), end]

    return send


async def test_a_thousand_notes_of_shared_hours_are_read_whole(database18: dict[str, Any]) -> None:
    notes = [make_event(content=str(number), created_at=(1 + number % 3) * HOUR) for number in range(1_000)]
    await store(database18, notes)
    async with relay_on(database18, **with_limits(default_limit=20, max_limit=20)) as url:
        everything = await read_stored(url)
        some = await read_stored(url, "--limit", "700")
        few = await read_stored(url, "--limit", "7")
    expected = newest_first(notes)
    assert (everything.status, everything.err, read_ids(everything)) == (0, "", expected)
    assert (some.status, some.err, read_ids(some)) == (0, "", expected[:700])
    assert (few.status, few.err, read_ids(few)) == (0, "", expected[:7])


async def test_ring_notes_of_an_hour_are_verified_page_by_page(database18: dict[str, Any]) -> None:
    notes = [make_ring_note(str(number), created_at=(1 + number % 2) * HOUR) for number in range(20)]
    async with relay_on(database18, **with_limits(default_limit=3, max_limit=3)) as url:
        async with Client(url) as client:
            await client.publish_all(*notes)
        done = await command.run("subscribe", url, "--stored", "--min-ring", "3")
    assert (done.status, done.err, read_ids(done)) == (0, "", newest_first(notes))


async def test_each_filter_is_read_to_its_own_end(database18: dict[str, Any]) -> None:
    ones, sevens = make_hour(9, 40), make_hour(1, 40, kind=7)
    await store(database18, [*ones, *sevens])
    async with relay_on(database18, **with_limits(default_limit=10, max_limit=10, max_ties=50)) as url:
        done = await read_stored(
            url, "--filter", '{"kinds":[1]}', "--filter", '{"kinds":[7]}', "--filter", '{"limit":45}'
        )
    assert (done.status, done.err, read_ids(done)) == (0, "", ids_of(ones, sevens))


async def test_a_limit_is_the_most_that_is_printed_before_what_comes_live(database18: dict[str, Any]) -> None:
    notes = make_hour(1, 5)
    await store(database18, notes)
    async with relay_on(database18, **OPEN_HOUSE) as url:
        process = await command.start("subscribe", url, "--plain", "--limit", "2")
        assert process.stdout is not None
        stored = [json.loads(await process.stdout.readline())["event"]["id"] for _ in range(2)]
        live = make_event(content="live")
        async with Client(url) as client:
            await client.publish_all(live)
        following = json.loads(await process.stdout.readline())["event"]["id"]
        process.terminate()
        await process.wait()
    assert (stored, following) == (ids_of(notes[:2]), live.id)


async def test_whoever_follows_a_feed_hears_that_there_are_older_notes(database18: dict[str, Any]) -> None:
    await store(database18, [make_event(created_at=1_000 + number) for number in range(5)])
    async with relay_on(database18, **with_limits(default_limit=2)) as url:
        process = await command.start("subscribe", url, "--plain")
        assert process.stderr is not None
        said = await process.stderr.readline()
        process.terminate()
        await process.wait()
    assert said == b"the relay has older notes, too: --stored prints all of them\n"


@pytest.mark.parametrize("hint", [None, "unheard of", "honest"])
async def test_a_relay_that_says_nothing_is_read_until_nothing_is_new(hint: str | None) -> None:
    notes = [make_event(content=str(number), created_at=1_000 + number // 3) for number in range(25)]
    async with run_fake_relay(old_relay(notes, 7, hint)) as relay:
        done = await read_stored(relay.url)
    assert (done.status, done.err, read_ids(done)) == (0, "", newest_first(notes))
    assert len(relay.filters) < 10


async def test_a_relay_that_says_finish_is_asked_once() -> None:
    async with run_fake_relay(old_relay([make_event()], 7, "finish")) as relay:
        done = await read_stored(relay.url)
    assert (done.status, len(relay.filters)) == (0, 1)


@pytest.mark.parametrize("hint", [None, "honest"])
@pytest.mark.parametrize("older", [[make_event(created_at=HOUR)], []])
async def test_past_a_second_that_a_relay_does_not_send_whole_older_notes_are_read(
    hint: str | None, older: list[Event]
) -> None:
    newer, stuck = make_event(created_at=9 * HOUR), make_hour(5, 9)
    async with run_fake_relay(old_relay([newer, *stuck, *older], 4, hint)) as relay:
        done = await read_stored(relay.url)
    assert read_ids(done) == ids_of([newer], stuck[:4], older)
    # A relay that says nothing of it could have sent all of its oldest second.
    is_known = hint is not None or bool(older)
    assert done.err == is_known * (
        "the relay may have more notes of the second 18000 than it sends at once: "
        "ask for them with --since 18000 --until 18000, and by --kind, --tag or what the ring proves\n"
    )


@pytest.mark.parametrize("notes", [[], [make_event()], make_hour(1, 9)])
async def test_a_relay_that_always_says_more_is_left_where_nothing_is_new(notes: list[Event]) -> None:
    async with run_fake_relay(old_relay(notes, 4, "more", heeds_until=False)) as relay:
        done = await read_stored(relay.url)
    assert (done.status, read_ids(done)) == (0, newest_first(notes)[:4])
    assert len(relay.filters) <= 3
    assert ("may have more notes of the second" in done.err) == bool(notes)


async def test_a_relay_that_makes_notes_up_for_ever_is_left_at_a_bound() -> None:
    made: list[str] = []

    def send(_: dict[str, Any]) -> list[Any]:
        made.append(f"{len(made):064x}")
        forged = {**to_json(make_event(created_at=10**9)), "id": made[-1]}
        return [["EVENT", SUBSCRIPTION, forged], ["EOSE", SUBSCRIPTION, ["more"]]]

    async with run_fake_relay(send) as relay:
        done = await read_stored(relay.url)
    assert (done.status, done.out) == (2, "")
    assert len(made) == 2_000
    assert "the relay sent 2000 events and there is no end of them: read on with --until 1000000000" in done.err


async def test_a_forged_note_does_not_hide_the_one_whose_id_it_has() -> None:
    note = make_event(created_at=1_000)
    forged = {**to_json(note), "content": "forged"}
    script = [["EVENT", SUBSCRIPTION, forged], ["EVENT", SUBSCRIPTION, to_json(note)], ["EOSE", SUBSCRIPTION]]
    async with run_fake_relay(lambda _: script) as relay:
        done = await read_stored(relay.url)
    assert (done.status, read_ids(done)) == (1, [note.id])
