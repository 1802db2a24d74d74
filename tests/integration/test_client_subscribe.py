"""`ringrelay subscribe` against the relay itself and against relays that lie: what is printed was verified here."""

import asyncio
import json
import os
import signal
from typing import Any

import pytest

from relay.client.signing.draft import Draft
from relay.client.signing.message_forms import make_message_note
from relay.protocol import nip19
from relay.protocol.event import find_tag
from relay.protocol.ring_terms import Form
from relay.verify.ring_equations import to_ring_id
from tests.support import command
from tests.support.client import Client, as_json, to_json
from tests.support.command import Finished
from tests.support.events import KEYS, make_event, make_ring, make_ring_note, pubkey_of
from tests.support.fake_relay import SUBSCRIPTION, answer, run_fake_relay
from tests.support.raw import port_of
from tests.support.relays import OPEN_HOUSE, relay_on
from tests.support.socks import run_socks_proxy
from tests.support.time_factor import scaled

NOTE = make_ring_note()
LINKABLE = make_ring_note("+", scope="a poll/1", ring_size=12)


async def subscribe(url: str, *options: str, **variables: str) -> Finished:
    return await command.run("subscribe", url, "--stored", *options, **variables)


def read(done: Finished) -> list[Any]:
    return [json.loads(line) for line in done.out.splitlines()]


def read_ids(done: Finished) -> list[str]:
    return [line["event"]["id"] for line in read(done)]


async def test_stored_notes_are_printed_with_what_their_ring_proves(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(LINKABLE)
        done = await subscribe(url)
    assert (done.status, done.err) == (0, "")
    (line,) = read(done)
    assert line["event"] == as_json(LINKABLE)
    proof = line["proof"]
    assert proof.pop("signed_text").startswith("nostr-ring-note:v1:")
    assert proof == {
        "form": "bound",
        "scheme": "blsag",
        "dialect": "canonical",
        "binding": "event",
        "ring_size": 12,
        "ring_id": find_tag(LINKABLE, "R"),
        "key_image": find_tag(LINKABLE, "J"),
        "scope": "a poll/1",
    }


async def test_notes_are_printed_as_they_come_until_it_is_interrupted(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(NOTE)
        process = await command.start("subscribe", url)
        assert process.stdout is not None
        async with asyncio.timeout(scaled(30)):
            stored = json.loads(await process.stdout.readline())
            await client.publish_all(LINKABLE)
            live = json.loads(await process.stdout.readline())
            process.send_signal(signal.SIGINT)
            _, err = await process.communicate()
    assert [stored["event"]["id"], live["event"]["id"]] == [NOTE.id, LINKABLE.id]
    assert (process.returncode, err) == (130, b"")


async def test_filters_are_those_of_the_options(database18: dict[str, Any]) -> None:
    wanted = make_ring_note("wanted", tags=(("t", "x"),), created_at=2000)
    others = [make_ring_note(tags=(("t", "y"),), created_at=2000), make_ring_note(tags=(("t", "x"),), created_at=3000)]
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(wanted, *others)
        by_tag = await subscribe(url, "--tag", "t=x", "--until", "2500", "--since", "1500", "--kind", "1")
        by_id = await subscribe(
            url, "--id", others[0].id, "--author", nip19.encode_npub(bytes.fromhex(others[0].pubkey))
        )
        by_json = await subscribe(url, "--filter", '{"#t":["x"],"limit":1}', "--filter", '{"#t":["y"]}')
    assert read_ids(by_tag) == [wanted.id]
    assert read_ids(by_id) == [others[0].id]
    assert set(read_ids(by_json)) == {others[0].id, others[1].id}


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--ring", nip19.encode_npub(bytes.fromhex(pubkey_of(KEYS[11])))), [LINKABLE]),
        (("--ring", pubkey_of(KEYS[0]), "--ring", pubkey_of(KEYS[1]), "--scheme", "sag"), [NOTE]),
        (("--ring-id", str(find_tag(NOTE, "R"))), [NOTE]),
        (("--scope", "a poll/1"), [LINKABLE]),
        (("--key-image", str(find_tag(LINKABLE, "J"))), [LINKABLE]),
        (("--min-ring", "6"), [LINKABLE]),
        (("--form", "bound", "--binding", "event"), [NOTE, LINKABLE]),
        (("--form", "text"), []),
    ],
)
async def test_what_the_ring_proves_can_be_asked_for(
    database18: dict[str, Any], options: tuple[str, ...], found: list[Any]
) -> None:
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(NOTE, LINKABLE)
        done = await subscribe(url, *options)
    assert done.status == 0, done.err
    assert set(read_ids(done)) == {note.id for note in found}


async def test_what_the_ring_proves_is_checked_here_where_a_relay_does_not_look() -> None:
    async with run_fake_relay(answer(NOTE, LINKABLE)) as relay:
        done = await subscribe(relay.url, "--min-ring", "6", "--scope", "a poll/1", "--scheme", "blsag")
    assert relay.filters == [{"search": "scope:a%20poll/1 minring:6 scheme:blsag"}]
    assert (done.status, read_ids(done)) == (1, [LINKABLE.id])
    assert "1 not shown: not what was asked for" in done.err


async def test_words_to_search_for_are_left_to_the_relay() -> None:
    async with run_fake_relay(answer(NOTE)) as relay:
        done = await subscribe(relay.url, "--filter", '{"search":"bitcoin https://example.org language:en scheme:sag"}')
    assert (done.status, read_ids(done)) == (0, [NOTE.id])


def change(event: Any, **members: Any) -> dict[str, Any]:
    return {**to_json(event), **members}


@pytest.mark.parametrize(
    "forged",
    [
        change(NOTE, content="said by nobody \x1b[2J"),
        change(NOTE, sig="ab" * 64),
        change(NOTE, id="00" * 32),
        change(NOTE, kind="1"),
        "no event",
        make_event(tags=NOTE.tags, content=NOTE.content, created_at=NOTE.created_at),
    ],
)
async def test_what_does_not_verify_is_counted_and_not_printed(forged: Any) -> None:
    async with run_fake_relay(answer(forged, NOTE)) as relay:
        done = await subscribe(relay.url, "--columns")
    assert done.status == 1
    assert [line.endswith("said by one of us") for line in done.out.splitlines()] == [False, True]
    assert "1 not shown: " in done.err
    assert "nobody" not in done.out + done.err
    assert "\x1b" not in done.out + done.err


async def test_what_does_not_verify_is_counted_by_reason() -> None:
    forged = [change(NOTE, sig="ab" * 64), change(NOTE, sig="cd" * 64), change(NOTE, id="00" * 32), 7, "no event"]
    async with run_fake_relay(answer(*forged)) as relay:
        done = await subscribe(relay.url)
    assert [line.split()[0] for line in done.err.splitlines()] == ["not", "not", "not", "2", "1", "2"]


async def test_plain_events_are_printed_only_when_asked_for_and_marked_so() -> None:
    plain = make_event(content="by its own key")
    forged = change(make_event(content="another"), sig="ab" * 64)
    async with run_fake_relay(answer(plain, forged)) as relay:
        without = await subscribe(relay.url)
        lines = await subscribe(relay.url, "--plain")
        columns = await subscribe(relay.url, "--plain", "--columns")
    assert without.out == ""
    assert "1 not shown: plain events" in without.err
    assert [(line["event"]["id"], line["proof"]) for line in read(lines)] == [(plain.id, None)]
    assert columns.out.splitlines()[1].split()[2:7] == ["1", "plain", "-", "-", "-"]


async def test_columns_hold_nothing_that_steers_a_terminal_and_one_line_a_note() -> None:
    note = make_ring_note("\n\x1b]0;x\x07first \u202eline\nsecond", created_at=2**53 - 1)
    async with run_fake_relay(answer(note)) as relay:
        done = await subscribe(relay.url, "--columns", COLUMNS="200")
    head, line = done.out.splitlines()
    assert head.startswith("time (UTC)")
    assert line == f"9999-12-31 23:59 1     bound      sag    5     {str(find_tag(note, 'R'))[:8]}  ]0;x first  line"
    assert "\x1b" not in line


async def test_columns_tell_a_reaction_from_a_note_of_the_same_words() -> None:
    async with run_fake_relay(answer(make_ring_note("+", kind=7))) as relay:
        done = await subscribe(relay.url, "--columns")
    head, line = done.out.splitlines()
    assert line[head.index("kind") :].startswith("7 ")


async def test_of_a_text_that_holds_its_own_ring_the_signed_words_are_shown() -> None:
    draft = Draft(
        form=Form.TEXT,
        ring=make_ring(),
        secret=KEYS[2].secret,
        content="just these words",
        created_at=1_700_000_000,
    )
    note = make_message_note(draft, KEYS[30])
    async with run_fake_relay(answer(note)) as relay:
        columns = await subscribe(relay.url, "--columns", "--binding", "message", "--form", "text", COLUMNS="200")
        lines = await subscribe(relay.url, "--binding", "message")
    assert columns.out.splitlines()[1].split(maxsplit=7)[2:] == [
        *("1", "text", "sag", "5", to_ring_id(make_ring())[:8], "just these words")
    ]
    assert read(lines)[0]["proof"]["signed_text"] == "just these words"


async def test_a_reader_that_goes_away_ends_it_without_a_word() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    async with run_fake_relay(answer(NOTE)) as relay:
        process = await command.start("subscribe", relay.url, stdout=writer)
        os.close(writer)
        async with asyncio.timeout(scaled(30)):
            _, err = await process.communicate()
    assert (process.returncode, err) == (141, b"")


async def test_json_is_ascii_whatever_a_note_holds() -> None:
    note = make_ring_note("größe \x9b31m \u202e")
    async with run_fake_relay(answer(note)) as relay:
        done = await subscribe(relay.url)
    assert done.out.isascii()
    assert read(done)[0]["event"]["content"] == "größe \x9b31m \u202e"


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("auth-required: who are you", "do not log in"),
        ("unsupported: search", "leave out the options about the ring"),
        ("", "try another"),
    ],
)
async def test_a_subscription_that_a_relay_closes_ends_with_its_reason(reason: str, said: str) -> None:
    async with run_fake_relay(lambda _: [["NOTICE", "go\x1baway"], ["CLOSED", SUBSCRIPTION, reason]]) as relay:
        done = await subscribe(relay.url)
    assert (done.status, done.out) == (2, "")
    assert reason in done.err
    assert said in done.err
    assert "the relay says: go away" in done.err


async def test_a_lost_connection_ends_it_with_a_text() -> None:
    async with run_fake_relay(answer(NOTE), hangs_up=True) as relay:
        done = await command.run("subscribe", relay.url)
    assert (done.status, read_ids(done)) == (2, [NOTE.id])
    assert "the relay closed the connection (1011" in done.err


async def test_a_relay_that_never_ends_its_stored_notes_is_given_up() -> None:
    async with run_fake_relay(lambda _: [["EVENT", SUBSCRIPTION, NOTE], "not json", '["EOSE","another"]']) as relay:
        done = await subscribe(relay.url, "--timeout", "0.5")
    assert (done.status, read_ids(done)) == (2, [NOTE.id])
    assert "sent nothing for 0.5 s" in done.err


async def test_a_message_beyond_the_bound_ends_it() -> None:
    async with run_fake_relay(lambda _: ["x" * (2**21 + 1)]) as relay:
        done = await subscribe(relay.url)
    assert done.status == 2
    assert "this side gave the connection up (1009" in done.err


@pytest.mark.parametrize(
    "options",
    [
        ("--id", "abc"),
        ("--author", "nobody"),
        ("--tag", "tt=x"),
        ("--tag", "t"),
        ("--since", "-1"),
        ("--min-ring", "0"),
        ("--key-image", "ab" * 33),
        ("--filter", "[]"),
        ("--filter", '{"kinds":["1"]}'),
        ("--filter", '{"search":7}'),
        ("--filter", '{"search":"minring:many"}'),
        ("--tag", "e=x"),
        ("--timeout", "0"),
        ("--scope", nip19.encode_nsec(KEYS[0].secret)),
        ("--form", "bound", "--form", "text"),
        ("--scheme", "sag", "--scheme", "blsag"),
        ("--min-ring", "3", "--min-ring", "5"),
    ],
)
async def test_a_filter_that_is_wrong_is_refused_before_the_relay_is_called(options: tuple[str, ...]) -> None:
    async with run_fake_relay(answer()) as relay:
        done = await subscribe(relay.url, *options)
    assert done.status == 2
    assert relay.filters == []
    assert "Traceback" not in done.err
    assert "nsec1" not in done.err


async def test_notes_are_read_through_tor() -> None:
    async with run_fake_relay(answer(NOTE)) as relay, run_socks_proxy({"relay.invalid": port_of(relay.url)}) as tor:
        done = await subscribe("ws://relay.invalid", "--tor-at", tor.address)
    assert read_ids(done) == [NOTE.id]
    assert tor.asked == [("relay.invalid", 80)]
    assert "read and change what is sent" in done.err
