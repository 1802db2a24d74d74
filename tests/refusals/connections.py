"""Refusals of connections: HTTP answers, and why a connection is closed."""

from tests.refusals.case import Case, Elsewhere, Request

_SPECIAL = "tests/refusals/test_circumstances.py"
_UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
_KEY = "Sec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng==\r\n"

CONNECTIONS = [
    Case(
        "not found; the relay is at /",
        "HTTP 404: a WebSocket on another path. A browser gets a page that says so.",
        "Connect to the address without a path.",
        {
            "the methods of nothing": lambda v: Request(f"OPTIONS /{v.word} HTTP/1.1\r\n"),
            "a WebSocket elsewhere": lambda v: Request(
                f"GET /{v.word} HTTP/1.1\r\n{_UPGRADE}{_KEY}Sec-WebSocket-Version: 13\r\n"
            ),
        },
    ),
    Case(
        "use GET, HEAD or OPTIONS",
        "HTTP 405: another method.",
        "Use one of these. Events are sent over a WebSocket, or by the form at /post.",
        {
            "another method": lambda v: Request(f"{v.word.upper()} / HTTP/1.1\r\nX: {v.word}\r\n"),
            "another method with a body": lambda v: Request(f"POST /{v.word} HTTP/1.1\r\nContent-Length: 7\r\n"),
        },
    ),
    Case(
        "not a request that this relay understands; send HTTP/1.1 in the form of RFC 9112",
        "HTTP 400: a line of the request's head is wrong, or is continued on the next, or ends without CR.",
        "Use an HTTP or WebSocket library, and check what a proxy in between makes of requests.",
        {
            "garbage": lambda v: Request(f"{v.word}\r\n"),
            "another version": lambda v: Request(f"GET /{v.word} HTTP/2.0\r\n"),
            "a bare line feed": lambda v: Request(f"GET / HTTP/1.1\nX: {v.word}\r\n"),
            "a continued line": lambda v: Request(f"GET / HTTP/1.1\r\nX: a\r\n {v.word}\r\n"),
            "a space behind a name": lambda v: Request(f"GET / HTTP/1.1\r\n{v.word} : a\r\n"),
        },
    ),
    Case(
        "send exactly one Host header, with the name of this relay",
        "HTTP 400: the header is missing (HTTP/1.1), is there twice, or names no host.",
        "Send one, as HTTP/1.1 asks.",
        {
            "two": lambda v: Request(f"GET / HTTP/1.1\r\nHost: {v.word}\r\n"),
            "two on one line": lambda v: Request(f"GET / HTTP/1.1\r\nHost: {v.word}, x\r\n"),
        },
    ),
    Case(
        "it is not clear where the body ends; send one Content-Length, or chunks",
        "HTTP 400: the request has a length and chunks, two lengths, or one that is no number.",
        "Send none of these headers: no request but a form needs a body.",
        {
            "both": lambda v: Request(f"GET /{v.word} HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
            "no number": lambda v: Request(f"GET / HTTP/1.1\r\nContent-Length: {v.word}\r\n"),
            "another coding": lambda v: Request(f"GET / HTTP/1.1\r\nTransfer-Encoding: {v.word}\r\n"),
        },
    ),
    Case(
        "a WebSocket handshake has no body; send it without one",
        "HTTP 400: a handshake with `Content-Length` or `Transfer-Encoding`.",
        "Use a WebSocket library, and send messages once the connection is open.",
        {
            "a length": lambda v: Request(f"GET /{v.word} HTTP/1.1\r\n{_UPGRADE}{_KEY}Content-Length: 5\r\n"),
            "chunks": lambda v: Request(f"GET /{v.word} HTTP/1.1\r\n{_UPGRADE}{_KEY}Transfer-Encoding: chunked\r\n"),
        },
    ),
    Case(
        "the body is too large; send none",
        "HTTP 413: the request has a body of more than 64 KiB.",
        "Send none. Events are sent over a WebSocket.",
        {"a large body": lambda v: Request(f"GET /{v.word} HTTP/1.1\r\nContent-Length: 65537\r\n")},
    ),
    Case(
        "the head of the request is too large; send fewer and shorter headers",
        "HTTP 431: more than 16 KiB, more than 100 headers, or a line of more than 8,000 bytes.",
        "Send fewer, such as no cookies.",
        {
            "a long header": lambda v: Request(f"GET / HTTP/1.1\r\nX: {v.word * 2_000}\r\n"),
            "a long path": lambda v: Request(f"GET /{v.word * 2_000} HTTP/1.1\r\n"),
            "many headers": lambda v: Request("GET / HTTP/1.1\r\n" + f"X: {v.word}\r\n" * 101),
        },
    ),
    Case(
        "the request took too long; send all of it at once",
        "HTTP 408: the head of the request has not come whole within `limits.request_timeout_s`.",
        "Connect when there is something to ask.",
        Elsewhere("tests/integration/test_front_door.py::test_a_head_that_is_never_finished_is_ended_after_a_time"),
    ),
    Case(
        "a PROXY header is for a port of its own; send it to the one that server.proxy_port names",
        "HTTP 400: the connection begins with a header of haproxy's PROXY protocol, and the port is not the one for it.",
        "Operators of a proxy, or of Tor: set `server.proxy_port`, and point the proxy there.",
        {
            "version 1": lambda v: Request(f"PROXY UNKNOWN {v.word}\r\nGET / HTTP/1.1\r\n"),
            "version 2": lambda v: Request(f"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0GET /{v.word} HTTP/1.1\r\n"),
        },
    ),
    Case(
        "not a WebSocket handshake that this relay understands; use version 13 (RFC 6455)",
        "HTTP 400 or 426: the handshake lacks a header, or has a bad one.",
        "Use a WebSocket library, and check what a proxy in between does to `Upgrade` and `Connection`.",
        {
            "no key": lambda v: Request(f"GET / HTTP/1.1\r\n{_UPGRADE}Cookie: {v.word}\r\n"),
            "a bad key": lambda v: Request(
                f"GET / HTTP/1.1\r\n{_UPGRADE}Sec-WebSocket-Key: {v.word}\r\nSec-WebSocket-Version: 13\r\n"
            ),
            "a bad version": lambda v: Request(
                f"GET / HTTP/1.1\r\n{_UPGRADE}{_KEY}Sec-WebSocket-Version: {v.word}\r\n"
            ),
            "a bad Upgrade": lambda v: Request(
                f"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket, {v.word}\r\n"
            ),
            "a bad Connection": lambda v: Request(f"GET / HTTP/1.1\r\nConnection: {v.word}\r\nUpgrade: websocket\r\n"),
        },
    ),
    Case(
        "the relay is full; try again later",
        "HTTP 503: there are `limits.max_connections`, with those that have not said yet what they want.",
        "Try again later, or another relay.",
        Elsewhere(f"{_SPECIAL}::test_a_connection_beyond_the_maximum_is_refused"),
    ),
    Case(
        "too many connections from your network; close some and try again",
        "HTTP 429: one network has `limits.max_connections_per_network`.",
        "Close some. If many clients share a proxy, the operator can list it in `server.trusted_proxies`.",
        Elsewhere(f"{_SPECIAL}::test_a_connection_beyond_those_of_its_network_is_refused"),
    ),
    Case(
        "closed: nothing was sent or subscribed to for a while; reconnect",
        "A NOTICE before the connection ends: no subscription is open, and nothing came for `limits.idle_timeout_s`.",
        "Connect again when there is something to send.",
        Elsewhere(f"{_SPECIAL}::test_an_idle_connection_is_told_why_it_ends"),
    ),
    Case(
        "too slow; reconnect",
        "The reason of a closing frame, code 1013: the client left more than `limits.max_pending_bytes` unread.",
        "Connect again, and read faster or ask for less. What was stored meanwhile can be asked for.",
        Elsewhere(f"{_SPECIAL}::test_a_client_that_reads_too_slowly_is_told_why_it_is_closed"),
    ),
]
