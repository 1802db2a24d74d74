"""`ringrelay publish` against the relay itself: signed and sent in one run, mined as the relay asks, through a proxy."""

import json
from pathlib import Path
from typing import Any

import pytest

from relay.client.signing.verify_event import verify_note
from relay.protocol import nip19
from relay.protocol.event import count_leading_zero_bits, decode_event, encode_event
from tests.support.client import Client
from tests.support.command import Finished, run
from tests.support.events import KEYS, make_event, make_ring, make_ring_note
from tests.support.processes import find_free_port
from tests.support.raw import port_of
from tests.support.relays import relay_on
from tests.support.socks import run_socks_proxy

HIDDEN = "relay.invalid"  # Never resolved by a name server (RFC 2606).


@pytest.fixture
def signing(tmp_path: Path) -> tuple[str, ...]:
    """Return the options that sign as one of a ring of twelve."""
    (tmp_path / "ring.txt").write_text("".join(nip19.encode_npub(key) + "\n" for key in make_ring(12)))
    (tmp_path / "me.key").write_text(nip19.encode_nsec(KEYS[3].secret) + "\n")
    (tmp_path / "me.key").chmod(0o600)
    return "--ring", str(tmp_path / "ring.txt"), "--key-file", str(tmp_path / "me.key")


async def publish(url: str, *options: str, words: str = "said by one of us", **variables: str) -> Finished:
    return await run("publish", url, *options, stdin=words + "\n", **variables)


async def fetch_only(url: str) -> Any:
    async with Client(url) as client:
        (event,) = await client.fetch({})
        return event


async def test_words_are_signed_and_published_in_one_run(database18: dict[str, Any], signing: tuple[str, ...]) -> None:
    async with relay_on(database18) as url:
        done = await publish(url, *signing)
        event = await fetch_only(url)
    assert (done.status, done.out, done.err) == (0, f"{event['id']} accepted\n", "")
    assert event["content"] == "said by one of us"
    assert event["pubkey"] not in {key.hex() for key in make_ring(12)}


async def test_the_work_a_relay_asks_for_is_done_and_the_note_sent_again(
    database18: dict[str, Any], signing: tuple[str, ...]
) -> None:
    async with relay_on(database18, tiers=[{"path": "/", "pow_bits": 17}]) as url:
        done = await publish(url, *signing)
        event = await fetch_only(url)
    assert (done.status, done.out) == (0, f"{event['id']} accepted\n")
    assert "asks for 17 bits" in done.err
    assert count_leading_zero_bits(event["id"]) >= 17


@pytest.mark.parametrize(
    ("bits", "said"), [(30, "add --pow 30, about 13 minutes, or try another relay"), (40, "days: try another relay")]
)
async def test_long_work_is_not_done_unasked(
    database18: dict[str, Any], signing: tuple[str, ...], bits: int, said: str
) -> None:
    async with relay_on(database18, tiers=[{"path": "/", "pow_bits": bits}]) as url:
        done = await publish(url, *signing)
    assert done.status == 1
    assert f" refused pow: {bits} bits" in done.out
    assert said in done.err


async def test_a_note_from_stdin_that_needs_work_is_to_be_signed_again(database18: dict[str, Any]) -> None:
    async with relay_on(database18, tiers=[{"path": "/", "pow_bits": 12}]) as url:
        done = await run("publish", url, stdin=encode_event(make_ring_note()))
    assert done.status == 1
    assert "--pow 12" in done.err
    assert "--ring" in done.err


@pytest.mark.parametrize(
    ("sections", "event", "advice"),
    [
        ({"ring": {"min_size": 6}}, make_ring_note(ring_size=5), "ringrelay ring"),
        ({}, make_ring_note(ring_size=4, scope="s"), "--scheme sag"),
        (
            {"ring": {"max_size": 4, "min_size_linkable": 4}},
            make_ring_note(ring_size=5),
            "take keys out of the ring file",
        ),
        ({"limits": {"max_age_s": 60}}, make_ring_note(created_at=1_700_000_000), "--created-at"),
        ({}, make_ring_note(created_at=9_000_000_000), "clock"),
        ({}, make_event(kind=1), "sign it as one of a ring"),
        ({}, make_ring_note(tags=(("-",),)), "without the tag named -"),
    ],
)
async def test_a_refusal_of_this_relay_tells_the_author_what_to_do(
    database18: dict[str, Any], sections: dict[str, Any], event: Any, advice: str
) -> None:
    async with relay_on(database18, **sections) as url:
        done = await run("publish", url, stdin=encode_event(event))
    assert done.status == 1
    assert advice in done.err


@pytest.mark.parametrize("form", ["nip97", "nostringer", "text"])
async def test_notes_in_the_forms_of_other_readers_are_published_and_verify(
    database18: dict[str, Any], signing: tuple[str, ...], form: str
) -> None:
    async with relay_on(database18) as url:
        done = await publish(url, *signing, "--form", form)
        event = await fetch_only(url)
    assert done.status == 0
    assert "the ring signs the message only" in done.err
    proof = verify_note(decode_event(json.dumps(event)))
    assert (proof.form, proof.signed_text) == (form, "said by one of us")


async def test_a_note_that_is_signed_already_is_not_signed_as_words(signing: tuple[str, ...]) -> None:
    nowhere = f"ws://127.0.0.1:{find_free_port()}"
    done = await run("publish", nowhere, *signing, stdin=encode_event(make_ring_note()))
    assert (done.status, done.out) == (2, "")
    assert "leave --ring out" in done.err


async def test_options_of_a_note_without_a_ring_are_refused(tmp_path: Path) -> None:
    done = await publish("ws://127.0.0.1:1", "--key-file", str(tmp_path / "me.key"), "--now")
    assert done.status == 2
    assert "--key-file, --now" in done.err


async def test_through_tor_the_proxy_looks_the_name_up_and_each_connection_has_a_user_of_its_own(
    database18: dict[str, Any], signing: tuple[str, ...]
) -> None:
    async with (
        relay_on(database18, tiers=[{"path": "/", "pow_bits": 4}]) as url,
        run_socks_proxy({HIDDEN: port_of(url)}) as tor,
    ):
        # A proxy of the environment is not asked.
        nowhere = f"socks5h://127.0.0.1:{find_free_port()}"
        for _ in range(2):
            done = await publish(f"ws://{HIDDEN}:7447", *signing, "--tor-at", tor.address, ALL_PROXY=nowhere)
            assert done.status == 0, done.err
    assert set(tor.asked) == {(HIDDEN, 7447)}
    assert len(tor.asked) in (2, 3, 4)  # A note may have the work in it by chance.
    assert len(set(tor.users)) == len(tor.asked)
    assert all(user and password for user, password in tor.users)


async def test_where_there_is_no_tor_nothing_is_sent_in_another_way(
    database18: dict[str, Any], signing: tuple[str, ...]
) -> None:
    async with relay_on(database18) as url:
        done = await publish(url, *signing, "--tor-at", f"127.0.0.1:{find_free_port()}")
        async with Client(url) as client:
            assert await client.fetch({}) == []
    assert (done.status, done.out) == (2, "")
    assert "no Tor at 127.0.0.1:" in done.err
    assert "start it" in done.err


async def test_what_tor_cannot_reach_is_told_from_tor_not_being_there(signing: tuple[str, ...]) -> None:
    async with run_socks_proxy({}) as tor:
        done = await publish("wss://gone.example", *signing, "--tor-at", tor.address)
    assert tor.asked == [("gone.example", 443)]
    assert done.status == 2
    assert "Tor could not reach it: Host unreachable" in done.err


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"NO_PROXY": "localhost"},
        {"HTTP_PROXY": "http://127.0.0.1:1"},
        {"HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": "onion"},
        {"ALL_PROXY": "socks5://127.0.0.1:1"},
    ],
)
async def test_an_onion_address_is_looked_up_by_tor_only(signing: tuple[str, ...], variables: dict[str, str]) -> None:
    done = await publish(f"wss://{'a' * 56}.onion", *signing, **variables)
    assert done.status == 2
    assert "an .onion address is reached through Tor only" in done.err


async def test_an_onion_address_is_left_to_a_proxy_that_looks_names_up(signing: tuple[str, ...]) -> None:
    async with run_socks_proxy({}) as proxy:
        done = await publish("wss://x.onion", *signing, ALL_PROXY=f"socks5h://me:word@{proxy.address}")
    assert proxy.asked == [("x.onion", 443)]
    assert done.status == 2


@pytest.mark.parametrize("place", ["9050", "127.0.0.1", "me@127.0.0.1:9050", "127.0.0.1:9050/x", "127.0.0.1:99999"])
async def test_a_place_of_tor_that_is_none_is_refused(place: str) -> None:
    done = await publish("ws://127.0.0.1:1", "--tor-at", place)
    assert done.status == 2
    assert "HOST:PORT" in done.err


async def test_where_tor_answers_it_is_used_unasked_and_the_host_is_remembered(
    database18: dict[str, Any], signing: tuple[str, ...], tmp_path: Path
) -> None:
    url, state = f"ws://{HIDDEN}:7447", {"XDG_STATE_HOME": str(tmp_path / "state")}
    async with relay_on(database18) as relay, run_socks_proxy({HIDDEN: port_of(relay)}) as tor:
        # The first place has no Tor.
        places = f"127.0.0.1:{find_free_port()},{tor.address}"
        done = await publish(url, *signing, RINGRELAY_TOR=places, **state)
        assert done.status == 0, done.err
        assert f"connecting through Tor at {tor.address}" in done.err
    assert set(tor.asked) == {(HIDDEN, 7447)}
    gone = await publish(url, *signing, **state)
    assert (gone.status, gone.out) == (2, "")
    assert "was reached through Tor before" in gone.err


async def test_without_tor_nothing_leaves_this_machine_unless_that_is_said(signing: tuple[str, ...]) -> None:
    done = await publish("wss://relay.invalid", *signing)
    assert (done.status, done.out) == (2, "")
    assert "no Tor answers here, so nothing was sent" in done.err
    assert "--no-tor" in done.err
    done = await publish("wss://relay.invalid", *signing, "--no-tor", "--timeout", "5")
    assert done.status == 2
    assert "no connection to the relay" in done.err


async def test_a_note_is_sent_after_its_delay(database18: dict[str, Any], signing: tuple[str, ...]) -> None:
    async with relay_on(database18) as url:
        # Half a second on average.
        done = await publish(url, *signing, "--delay", "0.00014")
    assert done.status == 0
    assert "waiting by lot before anything is sent" in done.err
