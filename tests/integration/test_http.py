"""Plain HTTP on the public port: the info document (NIP-11), CORS, a page for people, 404; and the private port."""

import json
import re
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from relay.log import Log
from relay.server import running
from tests.support.paid import shop
from tests.support.processes import find_free_port
from tests.support.raw import get, port_of, request
from tests.support.relays import make_config, relay_on


async def test_the_info_document_is_served_to_whoever_accepts_it(database18: dict[str, Any]) -> None:
    async with relay_on(database18, info={"contact": "mailto:op@relay.example"}) as url:
        status, headers, body = await request(
            port_of(url), "GET / HTTP/1.1\nHost: x\nAccept: application/nostr+json, */*"
        )
        assert (status, headers["content-type"]) == (200, "application/nostr+json")
        assert headers["access-control-allow-origin"] == "*"
        info = json.loads(body)
        assert info["contact"] == "mailto:op@relay.example"
        assert info["supported_nips"] == [1, 9, 11, 13, 40, 45, 67, 70]
        assert info["limitation"]["payment_required"] is False
        assert "pubkey" not in info


async def test_head_and_options_have_the_headers_and_no_body(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url:
        status, headers, body = await request(port_of(url), "HEAD / HTTP/1.1\nHost: x\nAccept: application/nostr+json")
        assert (status, body) == (200, b"")
        assert int(headers["content-length"]) > 100
        status, headers, body = await request(port_of(url), "OPTIONS / HTTP/1.1\nHost: x\nOrigin: https://a.example")
        assert (status, body, headers["access-control-allow-origin"]) == (204, b"", "*")
        assert "GET" in headers["access-control-allow-methods"]


@pytest.mark.parametrize("path", ["/other", "/metrics", "/healthz", "//", "/index.html"])
async def test_unknown_paths_are_404_also_for_websockets(database18: dict[str, Any], path: str) -> None:
    upgrade = "Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\nSec-WebSocket-Version: 13"
    async with relay_on(database18) as url:
        assert (await request(port_of(url), f"GET {path} HTTP/1.1\nHost: x"))[0] == 404
        assert (await request(port_of(url), f"GET {path} HTTP/1.1\nHost: x\n{upgrade}"))[0] == 404


async def test_a_browser_gets_a_page_that_loads_nothing_from_elsewhere(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url:
        status, headers, body = await request(port_of(url), "GET /?a=b HTTP/1.1\nHost: x\nAccept: text/html")
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert headers["content-security-policy"].startswith("default-src 'none'")
        links = re.findall(rb'(?:src|href)="([^"]*)"', body)
        assert {link[:1] for link in links} == {b"/", b"#"}
        for link in links:
            assert link.startswith(b"#") or (await get(port_of(url), link.decode()))[0] in (200, 404)


async def test_other_methods_are_told_which_ones_there_are(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url:
        assert (await request(port_of(url), "DELETE / HTTP/1.1\nHost: x"))[0] == 405


async def test_the_private_port_tells_metrics_and_health(database18: dict[str, Any]) -> None:
    config = make_config(database18, server={"private_port": find_free_port()})
    async with running(config, Log()):
        port = config.server.private_port
        status, headers, body = await get(port, "/metrics")
        assert status == 200
        assert headers["content-type"].startswith("text/plain")
        assert b"ringrelay_connections 0.0" in body
        assert (await get(port, "/healthz"))[0] == 200
        await forbid_connections(database18)
        assert (await get(port, "/healthz"))[0] == 503


async def test_a_pay_page_without_a_database_says_so(database18: dict[str, Any], tmp_path: Path) -> None:
    async with shop(database18, tmp_path) as sold:
        await forbid_connections(database18)
        path = f"/pay/{'0' * 32}"
        status, headers, body = await get(port_of(sold.url), path)
        assert (status, headers["cache-control"]) == (503, "no-store")
        assert "The relay cannot read this now" in body.decode()
        head = f"GET {path} HTTP/1.1\nHost: x\nAccept: application/json"
        status, _, body = await request(port_of(sold.url), head)
        error = "the database is not available; try again in a minute"
        assert (status, json.loads(body)) == (503, {"error": error})


async def forbid_connections(arguments: dict[str, Any]) -> None:
    """End the relay's sessions and let it make no new ones, as when the database is away."""
    connection = await asyncpg.connect(**arguments)
    await connection.execute(f'ALTER DATABASE "{arguments["database"]}" CONNECTION LIMIT 0')
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await connection.close()
