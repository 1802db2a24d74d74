"""A request's head: read in whatever pieces it comes, and refused where two readers could understand it differently."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.http11 import Request
from websockets.server import ServerProtocol

from relay.http.answer import Refused
from relay.http.head import Head, HeadReader, check_servable, find_path, parse_head
from tests.support.raw import make_handshake

SIMPLE = b"GET / HTTP/1.1\r\nHost: relay.example\r\n"
UPGRADE = SIMPLE + b"Upgrade: websocket\r\n"


def read(*pieces: bytes) -> Head | None:
    """Return the head that such pieces make, and refuse what is refused."""
    reader = HeadReader()
    head = None
    for piece in pieces:
        assert head is None
        reader.received += piece
        head = reader.read()
    return head


def status_of(*pieces: bytes) -> int:
    with pytest.raises(Refused) as caught:
        read(*pieces)
    return caught.value.answer.status.value


def status_when_served(data: bytes) -> int:
    with pytest.raises(Refused) as caught:
        check_servable(parse_head(data.removesuffix(b"\r\n")))
    return caught.value.answer.status.value


def test_a_head_is_read_with_all_lines_of_a_header() -> None:
    head = read(SIMPLE + b"Accept:text/html \r\nX-Empty:\r\naccept: \t*/*;q=0.1\t\r\n\r\n")
    assert head == Head("GET", "/", {"host": ["relay.example"], "accept": ["text/html", "*/*;q=0.1"], "x-empty": [""]})
    assert head.accept == "text/html,*/*;q=0.1"
    assert not head.is_handshake


def test_what_comes_behind_the_head_is_kept_and_not_judged() -> None:
    reader = HeadReader()
    reader.received += UPGRADE + b"\r\n\x81\x80\n\n"
    head = reader.read()
    assert head is not None
    assert head.is_handshake
    assert bytes(reader.received) == UPGRADE + b"\r\n\x81\x80\n\n"


@given(st.lists(st.integers(0, len(UPGRADE) + 4), max_size=6))
def test_a_head_is_the_same_in_whatever_pieces_it_comes(cuts: list[int]) -> None:
    data = b"\r\n" + UPGRADE + b"\r\n"
    edges = sorted({0, *(min(cut, len(data)) for cut in cuts), len(data)})
    reader = HeadReader()
    heads = []
    for start, end in pairwise(edges):
        reader.received += data[start:end]
        heads.append(reader.read())
    assert heads[:-1] == [None] * (len(heads) - 1)
    assert heads[-1] == read(UPGRADE + b"\r\n")
    assert bytes(reader.received) == UPGRADE + b"\r\n"


def test_a_head_that_comes_by_bytes_is_none_before_its_end() -> None:
    data = b"\r\n\r\n" + SIMPLE + b"\r\n"
    assert read(*(data[place : place + 1] for place in range(len(data)))) is not None


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET / HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
        b"\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        SIMPLE + b"X: a\rb\r\n\r\n",
        # obs-fold, and spaces where a name ends or begins.
        SIMPLE + b"X: a\r\n b\r\n\r\n",
        SIMPLE + b"X: a\r\n\tb\r\n\r\n",
        SIMPLE + b"X : a\r\n\r\n",
        SIMPLE + b": a\r\n\r\n",
        SIMPLE + b"X\r\n\r\n",
        SIMPLE + b"X: \x00\r\n\r\n",
        SIMPLE + b"X\xc3\xa9: a\r\n\r\n",
        b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / \r\nHost: x\r\n\r\n",
        b"GET /\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
        b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.10\r\nHost: x\r\n\r\n",
        b"GET / http/1.1\r\nHost: x\r\n\r\n",
        b"G@T / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\r\n\r\n",
    ],
)
def test_what_is_not_well_formed_is_refused(data: bytes) -> None:
    assert status_of(data) == 400
    assert status_of(*(data[place : place + 1] for place in range(len(data)))) == 400


def test_a_bare_line_feed_is_refused_as_soon_as_it_comes() -> None:
    assert status_of(b"GET / HTTP/1.1", b"\n") == 400
    assert read(b"GET / HTTP/1.1\r", b"\n") is None


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        (b"", 400),
        (b"Host: x\r\nHost: x\r\n", 400),
        (b"Host: x\r\nhost: y\r\n", 400),
        (b"Host: x, y\r\n", 400),
        (b"Host: x y\r\n", 400),
        (b"Host: x/y\r\n", 400),
        (b"Host: u@x\r\n", 400),
        (b"Host: relay.example:443\r\n", None),
        (b"Host: [2001:db8::1]:7447\r\n", None),
        # RFC 9110, 7.2: empty where the target has no authority.
        (b"Host:\r\n", None),
    ],
)
def test_there_is_exactly_one_host(hosts: bytes, status: int | None) -> None:
    if status is None:
        assert read(b"GET / HTTP/1.1\r\n" + hosts + b"\r\n") is not None
    else:
        assert status_of(b"GET / HTTP/1.1\r\n" + hosts + b"\r\n") == status


def test_http_1_0_may_leave_its_host_out_and_not_double_it() -> None:
    assert read(b"GET / HTTP/1.0\r\n\r\n") is not None
    assert status_of(b"GET / HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n") == 400


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 5\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: +1\r\n",
        b"Content-Length: 0x1\r\n",
        b"Content-Length:\r\n",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding:\r\n",
    ],
)
def test_a_body_whose_end_is_not_certain_is_refused(headers: bytes) -> None:
    assert status_of(SIMPLE + headers + b"\r\n") == 400


def test_bodies_have_a_length_or_come_in_chunks() -> None:
    for headers in (b"Content-Length: 0\r\n", b"Content-Length: 65536\r\n", b"Transfer-Encoding: Chunked\r\n"):
        head = read(SIMPLE + headers + b"\r\n")
        assert head is not None
        check_servable(head)
    assert status_of(b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n") == 400


def test_a_body_above_the_bound_is_413() -> None:
    for method in (b"GET", b"HEAD", b"OPTIONS"):
        for length in (b"65537", b"9" * 18):
            data = SIMPLE.replace(b"GET", method) + b"Content-Length: " + length + b"\r\n"
            assert status_when_served(data) == 413


def test_a_handshake_with_a_body_is_400() -> None:
    for header in (b"Content-Length: 5", b"Content-Length: 00", b"Transfer-Encoding: chunked"):
        assert status_when_served(UPGRADE + header + b"\r\n") == 400
    head = read(UPGRADE + b"Content-Length: 0\r\n\r\n")
    assert head is not None
    check_servable(head)


@pytest.mark.parametrize("target", [b"foo", b"about/", b"http:foo", b"ftp://x/", b"x:80", b"*", b"?a", b"[::1]/"])
def test_a_target_that_is_no_path_and_no_url_is_400(target: bytes) -> None:
    for method in (b"GET", b"HEAD", *([] if target == b"*" else [b"OPTIONS"])):
        with pytest.raises(Refused) as caught:
            check_servable(parse_head(b"%b %b HTTP/1.1\r\nHost: x" % (method, target)))
        assert caught.value.answer.status == 400
    check_servable(parse_head(b"OPTIONS * HTTP/1.1\r\nHost: x"))


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"PATCH", b"TRACE", b"CONNECT", b"get", b"NONSENSE"])
def test_other_methods_are_405_and_are_told_which_there_are(method: bytes) -> None:
    data = SIMPLE.replace(b"GET", method).removesuffix(b"\r\n")
    with pytest.raises(Refused) as caught:
        check_servable(parse_head(data))
    assert caught.value.answer.status == 405
    assert caught.value.answer.headers["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize(
    "upgrade",
    [b"Upgrade: websocket", b"UPGRADE: WebSocket", b"Upgrade: h2c\r\nUpgrade: websocket", b"Upgrade: a,websocket"],
)
def test_an_upgrade_to_websocket_is_a_handshake_by_get_only(upgrade: bytes) -> None:
    for method, is_handshake in ((b"GET", True), (b"HEAD", False), (b"POST", False)):
        head = read(SIMPLE.replace(b"GET", method) + upgrade + b"\r\n\r\n")
        assert head is not None
        assert head.is_handshake is is_handshake


def test_a_head_that_is_too_large_is_431_also_before_it_ends() -> None:
    line = b"X: " + b"x" * 7_990 + b"\r\n"
    assert read(SIMPLE + line + b"\r\n") is not None
    assert status_of(SIMPLE + b"X: " + b"x" * 8_000 + b"\r\n\r\n") == 431
    assert status_of(b"GET /" + b"x" * 8_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n") == 431
    assert status_of(SIMPLE + b"X: y\r\n" * 100 + b"\r\n") == 431
    assert status_of(SIMPLE + line * 3 + b"\r\n") == 431
    assert status_of(SIMPLE, b"X: ", b"x" * 16_384) == 431


def test_a_path_is_found_in_every_form_of_a_target() -> None:
    for target, path in {
        "/": "/",
        "/10k?a=b?c": "/10k",
        "//": "//",
        "*": "*",
        "http://relay.example/10k?a": "/10k",
        "HTTPS://relay.example:443": "/",
        "http://relay.example?a": "/",
        "": "/",
    }.items():
        assert find_path(target) == path


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a handshake in which some bytes are replaced by others."""
    data = make_handshake({"Content-Length": "0", "X": "y z"})
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(data)))
        end = place + draw(st.integers(0, 3))
        other = draw(st.binary(max_size=3) | st.sampled_from([b"\r\n", b"\n", b" ", b"\t", b":", b"\xff", b"0"]))
        data = data[:place] + other + data[end:]
    return data


@given(damaged())
def test_every_handshake_that_passes_is_one_to_websockets(data: bytes) -> None:
    reader = HeadReader()
    reader.received += data
    try:
        head = reader.read()
        if head is None or not head.is_handshake:
            return
        check_servable(head)
    except Refused:
        return
    protocol = ServerProtocol()
    protocol.receive_data(bytes(reader.received))
    request, *_ = protocol.events_received()
    assert isinstance(request, Request)
    assert (request.method, request.path) == (head.method, head.target)
    waiting = {name: list(values) for name, values in head.headers.items()}
    for name, value in request.headers.raw_items():
        assert waiting[name.lower()].pop(0) == value
    assert not any(waiting.values())
