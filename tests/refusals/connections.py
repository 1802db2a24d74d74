"""Refusals of connections: HTTP answers, and why a connection is closed."""

from tests.refusals.case import Case, Elsewhere, Request

_SPECIAL = "tests/refusals/test_circumstances.py"
_UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
_KEY = "Sec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng==\r\n"

CONNECTIONS = [
    Case(
        "not found; the relay is at /",
        "HTTP 404: another path, also for a WebSocket.",
        "Connect to the address without a path.",
        {
            "another path": lambda v: Request(f"GET /{v.word} HTTP/1.1\r\n"),
            "a WebSocket elsewhere": lambda v: Request(
                f"GET /{v.word} HTTP/1.1\r\n{_UPGRADE}{_KEY}Sec-WebSocket-Version: 13\r\n"
            ),
        },
    ),
    Case(
        "the database is not available; try again in a minute",
        "HTTP 503: a pay page is asked for, and the relay has lost its database.",
        "Ask again. A payment that is under way is found afterwards.",
        Elsewhere("tests/integration/test_http.py::test_a_pay_page_without_a_database_says_so"),
    ),
    Case(
        "use GET, HEAD or OPTIONS",
        "HTTP 405: another method.",
        "Use one of these. Events are sent over a WebSocket.",
        {"another method": lambda v: Request(f"{v.word.upper()} / HTTP/1.1\r\nX: {v.word}\r\n")},
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
        "HTTP 503: there are `limits.max_connections`.",
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
