"""`ringrelay ring`: keys from domains, lists and files, and what a relay knows of them."""

import json
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from nostr_sdk import Nip19Profile, PublicKey, RelayUrl

from relay.client.signing import keys
from relay.client.signing.ring_file import parse_ring
from relay.protocol import nip19
from tests.support.client import Client, to_json
from tests.support.command import Finished, run
from tests.support.events import KEYS, make_event, make_ring, pubkey_of
from tests.support.fake_relay import answer, run_fake_relay
from tests.support.raw import port_of
from tests.support.relays import OPEN_HOUSE, relay_on
from tests.support.socks import run_socks_proxy
from tests.support.tls import make_tls
from tests.support.web import run_web_server

NPUBS = [nip19.encode_npub(bytes.fromhex(pubkey_of(key))) for key in KEYS]
OFF_CURVE = "00" * 31 + "05"
WELL_KNOWN = "/.well-known/nostr.json"
NSEC = nip19.encode_nsec(KEYS[0].secret)


def sort_npubs(*numbers: int) -> list[str]:
    return sorted((NPUBS[number] for number in numbers), key=lambda npub: keys.parse_public_key(npub))


def read_npubs(done: Finished) -> list[str]:
    return [line.split()[0] for line in done.out.splitlines()]


def write_names(**names: object) -> bytes:
    return json.dumps({"names": names, "relays": {}}).encode()


async def test_keys_of_all_sources_are_sorted_and_stand_there_once(tmp_path: Path) -> None:
    (tmp_path / "ring.txt").write_text(f"{NPUBS[3]}  # the chair\n{NPUBS[1]}\n")
    done = await run("ring", pubkey_of(KEYS[2]), str(tmp_path / "ring.txt"), "-", NPUBS[1], stdin=f"{NPUBS[4]}\n")
    assert done.status == 0
    assert read_npubs(done) == sort_npubs(1, 2, 3, 4)
    assert f"{NPUBS[3]}  # the chair" in done.out
    assert "a ring of 4 hides you among 3 other members only" in done.err


async def test_what_is_no_key_is_named_and_left_out_and_no_secret_is_repeated(tmp_path: Path) -> None:
    (tmp_path / "ring.txt").write_text(f"{NPUBS[1]}\n{OFF_CURVE}\n{NSEC}\n")
    done = await run("ring", str(tmp_path / "ring.txt"), NSEC)
    assert (done.status, read_npubs(done)) == (1, [NPUBS[1]])
    assert "ring.txt, line 2: no such public key" in done.err
    assert "ring.txt, line 3: this is a secret key" in done.err
    assert NSEC[5:] not in done.err


async def test_without_a_key_there_is_no_ring() -> None:
    done = await run("ring")
    assert (done.status, done.out) == (2, "")


async def test_where_nothing_given_is_a_key_each_fault_is_named_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "me.key").write_text(f"{NSEC}\n")
    done = await run("ring", "npub1xyz", str(tmp_path / "me.key"))
    assert (done.status, done.out) == (2, "")
    assert "a key on the command line: the npub has a wrong checksum" in done.err
    assert "me.key, line 1: this is a secret key" in done.err
    assert "no keys" in done.err


@pytest.mark.parametrize("before", ["", "nostr:", "@"])
async def test_keys_are_taken_as_people_copy_them_and_relays_in_them_are_left_alone(
    tmp_path: Path, before: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        relay = RelayUrl.parse(f"ws://127.0.0.1:{listener.getsockname()[1]}")
        profiles = [Nip19Profile(PublicKey.parse(npub), [relay]).to_bech32() for npub in NPUBS[1:3]]
        (tmp_path / "ring.txt").write_text(f"{before}{profiles[1]}  # the chair\n")
        done = await run("ring", f"{before}{profiles[0]}", str(tmp_path / "ring.txt"), f"{before}{NPUBS[3]}")
        assert done.status == 0, done.err
        assert read_npubs(done) == sort_npubs(1, 2, 3)
        assert f"{NPUBS[2]}  # the chair" in done.out
        with pytest.raises(BlockingIOError):
            listener.accept()


async def test_a_name_at_a_domain_is_a_source_and_the_domain_is_said_to_learn_it() -> None:
    async with run_web_server(write_names(ann=pubkey_of(KEYS[1]), bob=pubkey_of(KEYS[2]))) as web:
        done = await run("ring", NPUBS[3], f"Ann@{web.url}", f"@bob@{web.url}")
    assert done.status == 0, done.err
    assert read_npubs(done) == sort_npubs(1, 2, 3)
    assert f"{NPUBS[1]}  # ann@127.0.0.1:{web.port}" in done.out
    assert [request.split()[1] for request in web.requests] == [f"{WELL_KNOWN}?name={name}" for name in ("ann", "bob")]
    assert done.err.count("learns which name you ask for; give the domain alone to fetch its whole list") == 2


async def test_a_name_at_a_domain_is_asked_for_through_tor_or_not_at_all() -> None:
    done = await run("ring", NPUBS[1], "ann@example.org")
    assert (done.status, done.out) == (2, "")
    assert "no Tor answers here, so nothing was sent" in done.err
    async with (
        run_web_server(write_names(ann=pubkey_of(KEYS[1]))) as web,
        run_socks_proxy({"127.0.0.1": web.port}) as tor,
    ):
        through = await run("ring", f"ann@{web.url}", "--tor-at", tor.address)
    assert read_npubs(through) == [NPUBS[1]]
    assert tor.asked == [("127.0.0.1", web.port)]


async def test_seed_words_in_place_of_a_key_are_named_and_not_repeated() -> None:
    done = await run("ring", NPUBS[1], "legal winner thank year wave sausage worth useful legal winner thank yellow")
    assert (done.status, read_npubs(done)) == (1, [NPUBS[1]])
    assert "seed words are not a key" in done.err
    assert "sausage" not in done.err


@pytest.mark.parametrize("address", ["ann@", "dir@2/ring.txt", "a b@example.org", "ann@http://example.org"])
async def test_what_is_neither_a_file_nor_a_name_at_a_domain_is_refused(address: str) -> None:
    done = await run("ring", address)
    assert (done.status, done.out) == (2, "")
    assert f"{address}: no such file, and not read as a name at a domain" in done.err


async def test_a_file_comes_before_a_name_at_a_domain_and_no_name_in_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "ann@example.org"
    path.write_text(f"{NPUBS[1]}\nbob@example.org\n")
    done = await run("ring", str(path))
    assert (done.status, read_npubs(done)) == (1, [NPUBS[1]])
    assert "line 2: a name at a domain is no key: `ringrelay ring NAME@DOMAIN` asks the domain for it" in done.err


async def test_a_domains_names_become_members_with_their_names() -> None:
    body = write_names(ann=pubkey_of(KEYS[1]), bob=pubkey_of(KEYS[2]), off=OFF_CURVE, none=7)
    async with run_web_server(body) as web:
        done = await run("ring", "--from-nip05", web.url)
    assert done.status == 1
    assert read_npubs(done) == sort_npubs(1, 2)
    assert f"{NPUBS[1]}  # ann@127.0.0.1:{web.port}" in done.out
    assert done.err.count("left out: ") == 2
    # Neither a name nor a version of the program.
    names = [line.partition(":")[0] for line in web.requests[0].splitlines()[1:] if line]
    assert sorted(names) == ["Accept-Encoding", "Host"]
    assert web.requests[0].startswith("GET /.well-known/nostr.json HTTP/1.1")


async def test_one_name_of_a_domain_is_asked_for_by_itself() -> None:
    async with run_web_server(write_names(ann=pubkey_of(KEYS[1]), bob=pubkey_of(KEYS[2]))) as web:
        done = await run("ring", "--from-nip05", f"Ann@{web.url}")
    assert read_npubs(done) == [NPUBS[1]]
    assert web.requests[0].startswith("GET /.well-known/nostr.json?name=ann ")
    assert "learns which name you ask for; give the domain alone to fetch its whole list" in done.err


async def test_a_domain_can_neither_forge_what_a_relay_saw_nor_add_lines() -> None:
    names = {"x, first seen 2020-Q4": pubkey_of(KEYS[1]), f"y\n{NPUBS[5]}": pubkey_of(KEYS[2])}
    async with run_web_server(write_names(**names)) as web:
        done = await run("ring", "--from-nip05", web.url)
    assert done.out.splitlines() == sort_npubs(1, 2)


@pytest.mark.parametrize(
    ("head", "body", "said"),
    [
        ("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/", b"", "redirects are not followed"),
        ("HTTP/1.1 404 Not Found", b"", "404"),
        ("HTTP/1.1 200 OK", b"[]", "NIP-05"),
        ("HTTP/1.1 200 OK", b'{"names": {"x": ' + b"[" * 100_000, "NIP-05"),
        ("HTTP/1.1 200 OK", b" " * 2**20 + write_names(), "longer than 1048576 bytes"),
        ("nonsense", b"", "no nostr.json"),
    ],
)
async def test_a_domain_that_does_not_answer_as_nip_05_says_is_no_source(head: str, body: bytes, said: str) -> None:
    async with run_web_server(body, head) as web:
        done = await run("ring", NPUBS[1], "--from-nip05", web.url)
    assert (done.status, done.out) == (2, "")
    assert said in done.err


async def test_a_domain_is_asked_over_tls_and_its_certificate_must_be_right(tmp_path: Path) -> None:
    async with run_web_server(write_names(ann=pubkey_of(KEYS[1])), tls=make_tls(tmp_path)) as web:
        place = f"localhost:{web.port}"
        trusted = await run("ring", "--from-nip05", place, SSL_CERT_FILE=str(tmp_path / "both.pem"))
        refused = await run("ring", "--from-nip05", place)
    assert (trusted.status, trusted.out) == (0, f"{NPUBS[1]}  # ann@{place}\n"), trusted.err
    assert refused.status == 2
    assert "certificate verify failed" in refused.err
    assert len(web.requests) == 1


async def test_a_domain_that_drips_is_given_up() -> None:
    async with run_web_server(b"{", drips=True) as web:
        done = await run("ring", "--from-nip05", web.url, "--timeout", "0.5")
    assert done.status == 2
    assert "did not answer within 0.5 s" in done.err


@pytest.mark.parametrize(
    "place",
    [
        "http://example.org",
        "https://example.org",
        "a b.org",
        "ann@",
        "x\r\ny",
        "a/b",
        "a..org",
        ".org",
        "a" * 64 + ".org",
        NSEC,
        f"{NSEC}@example.org",
    ],
)
async def test_what_is_no_domain_is_refused(place: str) -> None:
    done = await run("ring", "--from-nip05", place)
    assert done.status == 2
    assert "--from-nip05" in done.err


@pytest.mark.parametrize("seconds", ["0", "nan", "inf", "1e300"])
async def test_what_is_no_time_to_wait_is_refused(seconds: str) -> None:
    done = await run("ring", "--from-nip05", "http://127.0.0.1:1", "--timeout", seconds)
    assert done.status == 2
    assert "--timeout takes seconds" in done.err


async def test_follows_and_lists_are_asked_of_a_relay(database18: dict[str, Any]) -> None:
    def tags(*numbers: int) -> tuple[tuple[str, ...], ...]:
        return tuple(("p", pubkey_of(KEYS[number])) for number in numbers)

    events = [
        make_event(key=KEYS[0], kind=3, tags=(*tags(1, 2), ("p", "no key"), ("p",)), created_at=2000),
        make_event(key=KEYS[0], kind=30_000, tags=(("d", "board"), *tags(3)), created_at=1000),
        make_event(key=KEYS[0], kind=30_000, tags=(("d", "other"), *tags(4)), created_at=1000),
        make_event(key=KEYS[0], kind=10_000, tags=tags(5), created_at=1000),
    ]
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(*events)
        follows = await run("ring", "--from-follows", url, NPUBS[0])
        both = await run(
            "ring", "--from-list", url, NPUBS[0], "30000:board", "--from-list", url, NPUBS[0], "10000", NPUBS[6]
        )
        missing = await run("ring", "--from-list", url, NPUBS[0], "30000:elsewhere")
    assert (follows.status, read_npubs(follows)) == (1, sort_npubs(1, 2))
    assert (both.status, read_npubs(both)) == (0, sort_npubs(3, 5, 6))
    assert (missing.status, missing.out) == (2, "")
    assert "no such list" in missing.err


async def test_of_what_a_relay_calls_the_list_only_the_newest_that_its_author_signed_counts() -> None:
    def make_list(member: int, created_at: int, **changed: Any) -> Any:
        options = {"key": KEYS[0], "kind": 30_000, "tags": (("d", "board"), ("p", pubkey_of(KEYS[member]))), **changed}
        return make_event(created_at=created_at, **options)

    forged = {**to_json(make_list(1, 9000)), "tags": [["d", "board"], ["p", pubkey_of(KEYS[2])]]}
    others = [
        make_list(3, 8000, key=KEYS[5]),
        make_list(4, 7000, kind=30_003),
        make_list(6, 6000, tags=(("d", "x"), ("p", pubkey_of(KEYS[6])))),
    ]
    async with run_fake_relay(answer(forged, *others, make_list(7, 1000), make_list(8, 2000))) as relay:
        done = await run("ring", "--from-list", relay.url, NPUBS[0], "30000:board")
    assert (done.status, read_npubs(done)) == (0, [NPUBS[8]])
    assert "1 of the relay's events do not verify" in done.err


async def test_a_relay_cannot_claim_to_have_seen_a_key(tmp_path: Path) -> None:
    forged = {**to_json(make_event(key=KEYS[1], created_at=to_time(2022, 2))), "sig": "ab" * 64}
    async with run_fake_relay(answer(forged, make_event(key=KEYS[2], created_at=to_time(2022, 2)))) as relay:
        done = await run("ring", NPUBS[1], NPUBS[2], "--check-on", relay.url)
    assert f"{NPUBS[1]}  # never seen\n" in done.out
    # It was sent for each quarter, also for those before its own.
    assert f"{NPUBS[2]}  # first seen 2022-Q1\n" in done.out


@pytest.mark.parametrize("kind", ["1", "3x", "30000x", "10000:d", "99999", ""])
async def test_what_is_no_list_is_refused_before_anybody_is_asked(kind: str) -> None:
    done = await run("ring", "--from-list", "ws://127.0.0.1:1", NPUBS[0], kind)
    assert done.status == 2
    assert "--from-list" in done.err


async def test_through_tor_domains_and_relays_are_looked_up_by_the_proxy_under_a_user_each(
    database18: dict[str, Any],
) -> None:
    follows = make_event(key=KEYS[0], kind=3, tags=(("p", pubkey_of(KEYS[2])),))
    async with relay_on(database18, **OPEN_HOUSE) as url, run_web_server(write_names(ann=pubkey_of(KEYS[1]))) as web:
        async with Client(url) as client:
            await client.publish_all(follows)
        places = {"relay.invalid": port_of(url), "127.0.0.1": web.port}
        async with run_socks_proxy(places) as tor:
            done = await run(
                *("ring", "--tor-at", tor.address, "--from-nip05", web.url),
                *("--from-follows", "ws://relay.invalid", NPUBS[0], "--check-on", "ws://relay.invalid"),
            )
    assert (done.status, read_npubs(done)) == (0, sort_npubs(1, 2)), done.err
    assert [name for name, _ in tor.asked] == ["127.0.0.1", "relay.invalid", "relay.invalid"]
    assert len(set(tor.users)) == 3


async def test_where_there_is_no_tor_a_domain_is_not_asked_in_another_way() -> None:
    async with run_web_server(write_names(ann=pubkey_of(KEYS[1]))) as web, run_web_server(b"") as gone:
        pass
    async with run_web_server(write_names(ann=pubkey_of(KEYS[1]))) as web:
        done = await run("ring", "--from-nip05", web.url, "--tor-at", f"127.0.0.1:{gone.port}")
    assert done.status == 2
    assert "no Tor at" in done.err
    assert web.requests == []


async def test_a_domain_is_asked_through_the_proxy_of_the_environment() -> None:
    async with (
        run_web_server(write_names(ann=pubkey_of(KEYS[1]))) as web,
        run_socks_proxy({"127.0.0.1": web.port}) as proxy,
    ):
        address = f"socks5h://me:word@{proxy.address}"
        done = await run("ring", "--from-nip05", web.url, ALL_PROXY=address)
    assert done.status == 0, done.err
    assert proxy.users == [("me", "word")]


def to_time(year: int, month: int) -> int:
    return int(datetime(year, month, 15, tzinfo=UTC).timestamp())


async def test_a_relay_tells_since_when_it_has_seen_each_key_and_signing_warns_by_that(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    # The first writes so much that nobody else is in the newest events up to any time.
    events = [make_event(key=KEYS[1], created_at=to_time(2023, 5), content=str(number)) for number in range(520)]
    events += [
        make_event(key=KEYS[1], created_at=to_time(2021, 2)),
        make_event(key=KEYS[2], created_at=to_time(2023, 4)),
        make_event(key=KEYS[2], created_at=to_time(2024, 4)),
        make_event(key=KEYS[0], created_at=to_time(2024, 8)),
    ]
    (tmp_path / "me.key").write_text(NSEC)
    (tmp_path / "me.key").chmod(0o600)
    async with relay_on(database18, **OPEN_HOUSE) as url, Client(url) as client:
        await client.publish_all(*events)
        checked = await run("ring", *NPUBS[:12], "--check-on", url)
    assert checked.status == 0, checked.err
    assert "shows this ring to the relay" in checked.err
    assert "9 of the ring's 12 keys were never seen" in checked.err
    found = {entry.key: entry.seen for _, entry in parse_ring(checked.out) if not isinstance(entry, ValueError)}
    assert [found[bytes.fromhex(pubkey_of(key))] for key in KEYS[:4]] == ["2024-Q3", "2021-Q1", "2023-Q2", "never"]
    assert set(found) == set(make_ring(12))

    (tmp_path / "ring.txt").write_text(checked.out)
    signed = await run(
        "sign", "--ring", str(tmp_path / "ring.txt"), "--key-file", str(tmp_path / "me.key"), stdin="hello"
    )
    assert signed.status == 0
    assert "your key is the newest of those" in signed.err
    assert "9 of the ring's 12 keys were never seen" in signed.err
