"""`ringrelay verify` of a note that is on a relay: that relay alone is asked. And on a terminal: what it shows."""

import asyncio
import json
import os
import pty
import sys
from typing import Any

import bech32
import pytest

from relay.client.signing.draft import Draft
from relay.client.signing.message_forms import make_message_note
from relay.protocol import nip19
from relay.protocol.event import Event
from relay.protocol.ring_terms import Form
from tests.support import command
from tests.support.client import Client, as_json, to_json
from tests.support.command import ENVIRONMENT, Finished
from tests.support.events import KEYS, make_event, make_ring, make_ring_note
from tests.support.fake_relay import SUBSCRIPTION, answer, run_fake_relay
from tests.support.raw import port_of
from tests.support.relays import OPEN_HOUSE, relay_on
from tests.support.socks import run_socks_proxy
from tests.support.time_factor import scaled

NOTE = make_ring_note("we have known\nsince March")
NSEC = nip19.encode_nsec(KEYS[0].secret)


def to_bech32(prefix: str, data: bytes) -> str:
    values = bech32.convertbits(data, 8, 5)
    assert values is not None
    return str(bech32.bech32_encode(prefix, values))


def to_nevent(note: Event, relay_url: str = "wss://relay.invalid") -> str:
    return nip19.encode_nevent(bytes.fromhex(note.id), relay_url)


async def verify(*arguments: str, stdin: bytes = b"", **variables: str) -> Finished:
    return await command.run("verify", *arguments, stdin=stdin, **variables)


SPELLINGS = {
    "hex": NOTE.id,
    "hex in upper case": NOTE.id.upper(),
    "note": to_bech32("note", bytes.fromhex(NOTE.id)),
    "nevent": to_nevent(NOTE),
    "a URI": f"nostr:{to_nevent(NOTE)}",
}


async def test_a_note_of_a_relay_is_fetched_by_its_id_and_verified(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(NOTE)
        found = {name: await verify(note, "--on", url) for name, note in SPELLINGS.items()}
    for name, done in found.items():
        assert (done.status, done.err) == (0, ""), name
        result = json.loads(done.out)
        assert result["event"] == as_json(NOTE), name
        assert (result["valid"], result["form"], result["ring_size"]) == (True, "bound", 5), name


async def test_its_words_are_shown(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(NOTE)
        done = await verify(to_nevent(NOTE), "--on", url, "--words")
    assert done.out.startswith("TRUE: one of the 5 keys of this ring signed this event with all its words\n")
    assert '"we have known\\n"\n' in done.out
    assert '"since March"\n' in done.out


async def test_an_ordinary_note_of_a_relay_is_not_valid(database18: dict[str, Any]) -> None:
    plain = make_event()
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(plain)
        done = await verify(plain.id, "--on", url)
    assert done.status == 1
    assert "no ring signature" in json.loads(done.out)["reason"]


async def test_a_note_that_the_relay_does_not_have_is_said_to_be_missing(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url:
        done = await verify(NOTE.id, "--on", url)
    assert (done.status, done.out) == (2, "")
    assert "the relay does not have this note" in done.err


async def test_a_relay_that_an_nevent_names_is_not_contacted() -> None:
    async with run_fake_relay(answer(NOTE)) as asked, run_fake_relay(answer(NOTE)) as named:
        found = await verify(to_nevent(NOTE, named.url), "--on", asked.url)
        assert found.status == 0
        assert asked.filters == [{"ids": [NOTE.id]}]
        async with run_fake_relay(answer()) as without:
            missing = await verify(to_nevent(NOTE, named.url), "--on", without.url)
        alone = await verify(to_nevent(NOTE, named.url))
        assert named.connections == 0
    assert (missing.status, missing.out) == (2, "")
    assert (alone.status, alone.out) == (2, "")
    assert "say with --on URL which relay to ask" in alone.err


@pytest.mark.parametrize("sent", [make_ring_note("another"), {**to_json(NOTE), "id": "00" * 32}, {"id": NOTE.id}, 7])
async def test_something_else_than_what_was_asked_for_is_not_verified(sent: Any) -> None:
    async with run_fake_relay(lambda _: [["EVENT", SUBSCRIPTION, sent]]) as relay:
        done = await verify(NOTE.id, "--on", relay.url)
    assert (done.status, done.out) == (2, "")
    assert "something else than the note that was asked for" in done.err


async def test_an_event_that_only_says_it_has_this_id_is_not_valid() -> None:
    forged = {**to_json(NOTE), "content": "said by nobody \x1b[2J"}
    async with run_fake_relay(answer(forged)) as relay:
        done = await verify(NOTE.id, "--on", relay.url)
        words = await verify(NOTE.id, "--on", relay.url, "--words")
    assert done.status == 1
    assert json.loads(done.out) == {
        "valid": False,
        "reason": "invalid: the id is not the hash of the event: it was changed after it was signed",
    }
    assert words.out.startswith("FALSE: the id is not the hash of the event")
    assert "\x1b" not in done.out + words.out


async def test_a_relay_that_closes_or_stays_silent_is_told_from_a_note_that_is_missing() -> None:
    async with run_fake_relay(lambda _: [["CLOSED", SUBSCRIPTION, "auth-required: log in"]]) as relay:
        closed = await verify(NOTE.id, "--on", relay.url)
    async with run_fake_relay(lambda _: []) as relay:
        silent = await verify(NOTE.id, "--on", relay.url, "--timeout", "0.5")
    gone = await verify(NOTE.id, "--on", relay.url)
    assert (closed.status, silent.status, gone.status) == (2, 2, 2)
    assert "do not log in" in closed.err
    assert "did not answer within 0.5 s" in silent.err
    assert "no connection to the relay" in gone.err


WRONG = {
    "mistyped": (to_nevent(NOTE)[:-1] + ("q" if to_nevent(NOTE)[-1] != "q" else "p"), "mistyped or not whole"),
    "cut": (to_nevent(NOTE)[:-9], "mistyped or not whole"),
    "a note1 cut": (SPELLINGS["note"][:-1], "the note is mistyped"),
    "an nevent without an id": (to_bech32("nevent", b"\x01\x01a"), "mistyped or not whole"),
    "an naddr": (to_bech32("naddr", b"\x00\x00\x02\x20" + bytes(32) + b"\x03\x04\x00\x00\x75\x37"), "not an id"),
    "an npub": (nip19.encode_npub(make_ring()[0]), "names a person, not a note"),
    "an nprofile": (to_bech32("nprofile", b"\x00\x20" + bytes(32)), "names a person, not a note"),
    "a secret key": (NSEC, "delete it there"),
    "63 digits": (NOTE.id[1:], "not a note's id"),
    "a link": (f"https://njump.me/{SPELLINGS['note']}", "not a note's id"),
    "nothing": ("", "not a note's id"),
}


@pytest.mark.parametrize(("given", "advice"), WRONG.values(), ids=WRONG.keys())
async def test_what_is_no_notes_id_is_refused_before_a_relay_is_called(given: str, advice: str) -> None:
    async with run_fake_relay(answer(NOTE)) as relay:
        done = await verify(given, "--on", relay.url)
        assert relay.connections == 0
    assert (done.status, done.out) == (2, "")
    assert advice in done.err
    assert NSEC not in done.err


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        (("--on", "ws://127.0.0.1:1"), "--on needs the note to fetch"),
        ((NOTE.id, "--on", "127.0.0.1:1"), "begins with ws://"),
        ((NOTE.id, "--on", "ws://127.0.0.1:1", "--text"), "one thing at a time"),
        ((NOTE.id, "--on", "ws://relay.invalid"), "no Tor answers here"),
    ],
)
async def test_wrong_usage_is_said(options: tuple[str, ...], advice: str) -> None:
    done = await verify(*options)
    assert (done.status, done.out) == (2, "")
    assert advice in done.err


async def test_a_note_is_fetched_through_tor() -> None:
    async with run_fake_relay(answer(NOTE)) as relay, run_socks_proxy({"relay.invalid": port_of(relay.url)}) as tor:
        done = await verify(NOTE.id, "--on", "ws://relay.invalid", "--tor-at", tor.address)
    assert done.status == 0
    assert tor.asked == [("relay.invalid", 80)]


def make_text(ring_size: int = 5) -> str:
    draft = Draft(
        ring=make_ring(ring_size),
        secret=KEYS[2].secret,
        form=Form.TEXT,
        content="we have known\nsince März",
        created_at=1_700_000_000,
    )
    return make_message_note(draft, KEYS[70]).content


async def paste(text: str, *arguments: str) -> tuple[int | None, str]:
    """Paste a text into a terminal in which `ringrelay verify` runs; return its status and what the terminal shows."""
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "relay", "verify", *arguments),
        env={**ENVIRONMENT, "PYTHONUTF8": "1"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    pasted = text.encode() + b"\n\x04"
    try:
        async with asyncio.timeout(scaled(60)):
            while True:
                part = await asyncio.to_thread(os.read, ours, 2**16)
                shown += part
                if pasted and b"Ctrl-D" in shown:
                    await asyncio.to_thread(write_all, ours, pasted)
                    pasted = b""
    except OSError:  # the other end is closed (EIO)
        pass
    finally:
        os.close(ours)
    return await process.wait(), shown.decode()


def write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data[:1024]) :]


async def test_a_text_pasted_into_a_terminal_is_answered_in_words() -> None:
    status, shown = await paste(make_text(), "--text")
    assert status == 0
    said = shown[shown.index("TRUE: ") :].splitlines()
    assert said[:3] == [
        "TRUE: one of the 5 keys of this ring signed these words",
        'words      "we have known\\n"',
        '           "since März"',
    ]
    assert "who posted it" in said[-1]


async def test_a_line_that_the_terminal_cut_is_not_taken_for_a_false_signature() -> None:
    status, shown = await paste(make_text(60), "--text")
    assert status == 2
    assert "the terminal may have cut a line" in shown
    assert "FALSE" not in shown
    status, shown = await paste(make_text(60), "--text", "--json")
    assert status == 2
