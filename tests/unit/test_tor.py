"""Whether a command goes through Tor: by default where it answers, and never past it by mistake."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from relay.client.network.tor import Tor, TorChoice, is_local, is_onion, parse_place
from relay.client.network.tor_hosts import TorHosts
from relay.client.terminal.bad_input import BadInput

HOST, ONION = "relay.example.com", f"{'a' * 56}.onion"
NOWHERE = Tor("127.0.0.1", 1)


@contextmanager
def listening(answer: bytes) -> Iterator[Tor]:
    """Listen as something that answers a greeting so."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            try:
                while True:
                    with listener.accept()[0] as connection:
                        connection.recv(3)
                        connection.sendall(answer)
            except OSError:
                return

        threading.Thread(target=serve, daemon=True).start()
        yield Tor("127.0.0.1", listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def hosts(tmp_path: Path) -> TorHosts:
    return TorHosts(tmp_path / "state" / "tor-hosts")


def choose(
    hosts: TorHosts,
    *places: Tor,
    named: Tor | None = None,
    is_refused: bool = False,
    says: bool | None = None,
) -> TorChoice:
    """Return a choice where Tor may be at these places, and where a person says yes, no, or is not there."""
    ask = None if says is None else lambda _: bool(says)
    return TorChoice(named, is_refused=is_refused, ask=ask, hosts=hosts, places=places or (NOWHERE,))


def test_where_tor_answers_it_is_used_for_all_hosts_but_this_machine(hosts: TorHosts) -> None:
    with listening(b"\x05\x02") as tor:
        choice = choose(hosts, NOWHERE, tor)
        assert choice.find_tor(HOST) == tor
        assert choice.find_tor(ONION) == tor
        assert choice.find_tor("192.168.1.7") == tor
        for local in ("127.0.0.1", "127.8.8.8", "localhost", "[::1]"):
            assert choice.find_tor(local) is None


def test_what_answers_otherwise_is_no_tor(hosts: TorHosts) -> None:
    with listening(b"HTTP/1.1 400 Bad Request") as web, pytest.raises(BadInput, match="no Tor answers here"):
        choose(hosts, web).find_tor(HOST)


def test_without_tor_a_script_is_refused_and_told_what_to_do(hosts: TorHosts) -> None:
    with pytest.raises(BadInput, match=r"start it .* or say --no-tor"):
        choose(hosts).find_tor(HOST)
    assert choose(hosts, is_refused=True).find_tor(HOST) is None


def test_without_tor_a_person_is_asked(hosts: TorHosts) -> None:
    assert choose(hosts, says=True).find_tor(HOST) is None
    with pytest.raises(BadInput, match="nothing was sent"):
        choose(hosts, says=False).find_tor(HOST)


def test_a_host_that_was_reached_through_tor_is_not_reached_past_it_by_a_hasty_yes(hosts: TorHosts) -> None:
    choose(hosts).remember(HOST)
    with pytest.raises(BadInput, match="was reached through Tor before"):
        choose(hosts, says=True).find_tor(HOST.upper() + ".")
    assert choose(hosts, says=True).find_tor("other.example.com") is None
    assert choose(hosts, is_refused=True).find_tor(HOST) is None


@pytest.mark.parametrize("says", [None, True, False])
def test_an_onion_is_reached_through_tor_alone(hosts: TorHosts, says: bool | None) -> None:
    for is_refused in (False, True):
        with pytest.raises(BadInput, match="through Tor only"):
            choose(hosts, says=says, is_refused=is_refused).find_tor(ONION)


def test_tor_that_was_named_is_used_whether_it_answers_or_not_and_for_everything(hosts: TorHosts) -> None:
    choice = choose(hosts, named=NOWHERE)
    assert [choice.find_tor(host) for host in (HOST, ONION, "127.0.0.1")] == [NOWHERE] * 3


def test_the_hosts_are_kept_as_hashes_with_a_salt_for_their_owner_alone(tmp_path: Path) -> None:
    paths = [tmp_path / name / "tor-hosts" for name in "ab"]
    for path in paths:
        for host in (HOST, ONION, HOST):
            TorHosts(path).add(host)
    texts = [path.read_text() for path in paths]
    assert [len(text.split()) for text in texts] == [3, 3]
    assert not set(texts[0].split()) & set(texts[1].split())
    assert HOST not in texts[0] + texts[1]
    assert paths[0].stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "x", "00\n11", "\xff" * 40])
def test_a_file_that_is_none_of_ours_holds_no_host_and_is_replaced(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tor-hosts"
    path.write_text(text, encoding="latin-1")
    assert not TorHosts(path).has(HOST)
    TorHosts(path).add(HOST)
    assert TorHosts(path).has(HOST)


def test_where_nothing_can_be_written_nothing_is_remembered(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    hosts = TorHosts(tmp_path / "file" / "tor-hosts")
    hosts.add(HOST)
    assert not hosts.has(HOST)


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "192.168.0.1", "fe80::1", "0.0.0.0", "localhost.example.com", "mybox", ""]
)
def test_a_neighbour_is_not_this_machine(host: str) -> None:
    assert not is_local(host)


def test_an_onion_is_known_by_its_end() -> None:
    assert is_onion("X.ONION.")
    assert not is_onion("onion.example.com")


@pytest.mark.parametrize("place", ["9050", "127.0.0.1", "me@127.0.0.1:9050", "127.0.0.1:9050/x", "127.0.0.1:99999"])
def test_a_place_that_is_none_is_refused(place: str) -> None:
    with pytest.raises(BadInput, match="HOST:PORT"):
        parse_place(place)
