"""What answers besides messages do is constant too: HTTP refusals and closing frames repeat nothing, and name no software.

That every message of refusal is a constant is tested where each is provoked: tests/refusals/.
"""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.refusals.case import Request, Variant
from tests.refusals.connections import CONNECTIONS
from tests.support.client import Client
from tests.support.raw import exchange, port_of
from tests.support.relays import relay_on

# Twice everything: other texts of another length.
_VARIANTS = (Variant(0), Variant(1))


@pytest.fixture
async def url(database18: dict[str, Any]) -> AsyncIterator[str]:
    async with relay_on(database18) as url:
        yield url


def _list_bad_requests(variant: Variant) -> dict[str, str]:
    word = variant.word
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
    key = "Sec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng==\r\n"
    # These the library meets before the relay does.
    requests = {
        "an unknown version of HTTP": f"GET / HTTP/{variant.number + 3}.0\r\n{upgrade}",
        "a bad extension": f"GET / HTTP/1.1\r\n{upgrade}{key}Sec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: {word},,;\r\n",
        "no HTTP": f"{word}\r\n",
        "a bad header": f"GET / HTTP/1.1\r\n{word}\r\n",
    }
    for case in CONNECTIONS:
        if isinstance(case.ways, Mapping):
            made = {name: way(variant) for name, way in case.ways.items()}
            requests |= {name: request.text for name, request in made.items() if isinstance(request, Request)}
    return {name: f"{text}Host: {word}\r\n\r\n" for name, text in requests.items()}


@pytest.mark.parametrize("name", _list_bad_requests(_VARIANTS[0]))
async def test_a_request_that_is_refused_gets_a_constant_answer(url: str, name: str) -> None:
    answers = [await exchange(port_of(url), _list_bad_requests(variant)[name].encode()) for variant in _VARIANTS]
    bodies = [answer.partition(b"\r\n\r\n")[2] for answer in answers]
    assert answers[0].partition(b"\r\n")[0] == answers[1].partition(b"\r\n")[0]
    assert bodies[0] == bodies[1]
    for answer in answers:
        assert answer.startswith(b"HTTP/1.1 4") or name in ("no HTTP", "a bad header", "an unknown version of HTTP")
        assert b"canary" not in answer.lower()
        assert not re.search(rb"(?i)websockets|python|ringrelay|traceback|exception", answer)


async def test_no_answer_names_its_software(url: str) -> None:
    host = "Host: x\r\n\r\n"
    requests = [
        *_list_bad_requests(_VARIANTS[0]).values(),
        f"GET / HTTP/1.1\r\n{host}",
        f"OPTIONS / HTTP/1.1\r\n{host}",
    ]
    requests += [f"HEAD / HTTP/1.1\r\n{host}", f"GET / HTTP/1.1\r\nAccept: application/nostr+json\r\n{host}"]
    heads = [(await exchange(port_of(url), request.encode())).partition(b"\r\n\r\n")[0].lower() for request in requests]
    async with Client(url) as client:
        assert client.websocket.response is not None
        heads.append(str(client.websocket.response.headers).lower().encode())
    assert [head for head in heads if re.search(rb"(?m)^(server|via|x-powered-by|etag|set-cookie):", head)] == []
    # Nor does one tell the clock of its machine.
    assert [head for head in heads if re.search(rb"(?m)^date:", head)] == []


@pytest.mark.parametrize(
    ("code", "frames"),
    [
        (1009, [b"\x81\xff" + (300_000).to_bytes(8, "big") + mask for mask in (b"0000", b"1111")]),
        (1007, [b"\x81" + bytes((0x80 | len(bad),)) + bytes(4) + bad for bad in (b"canary\xff", b"sister\xff")]),
        (1002, [b"\x83\x86" + bytes(4) + word for word in (b"canary", b"sister")]),
    ],
    ids=["too long", "not UTF-8", "no opcode"],
)
async def test_a_frame_that_ends_the_connection_gets_a_reason_that_repeats_nothing_of_it(
    url: str, code: int, frames: list[bytes]
) -> None:
    # The library's reasons name a frame's size and the place of a bad byte, and nothing else of it.
    reasons = set()
    for frame in frames:
        async with Client(url) as client:
            client.websocket.transport.write(frame)
            with pytest.raises(ConnectionClosed) as closed:
                await client.receive()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == code
            reasons.add(closed.value.rcvd.reason)
    assert len(reasons) == 1, reasons
