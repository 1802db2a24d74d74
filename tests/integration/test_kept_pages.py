"""Pages of a running relay that are kept for others: with the same headers, and gone when something is published or deleted."""

import asyncio
import json
import re
import time
from typing import Any

import pytest

from relay.log import Log
from relay.pages.cache import PageKey
from relay.server import Relay, running
from tests.integration.test_http import forbid_connections
from tests.support.client import Client, as_json
from tests.support.events import KEYS, make_event, make_ring_note
from tests.support.forms import post_note
from tests.support.raw import exchange, get, parse_answer, port_of, request
from tests.support.relays import make_config, relay_on, to_url
from tests.support.waiting import until

PAGE = PageKey("/prices", (), "en")
ONION = f"http://{'a' * 56}.onion"
BEHIND_PROXY: dict[str, Any] = {"trusted_proxies": ["127.0.0.1/32"]}


def is_kept(relay: Relay) -> bool:
    return relay.site.cache.find(PAGE) is not None


async def test_a_page_that_is_kept_is_answered_as_one_that_is_rendered(database18: dict[str, Any]) -> None:
    async with running(make_config(database18), Log()) as relay:
        first = await get(relay.port, "/prices")
        assert is_kept(relay)
        assert await get(relay.port, "/prices") == first
        assert await get(relay.port, "/prices?utm=1") == first
        status, headers, body = await request(relay.port, "HEAD /prices HTTP/1.1\nHost: x")
        assert (status, headers, body) == (first[0], first[1], b"")
        # With a body, which nobody needs, aiohttp answers.
        with_body = b"GET /prices HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"
        assert parse_answer(await exchange(relay.port, with_body)) == first
        assert first[1]["vary"] == "Accept, Accept-Language"
        assert not {"etag", "date", "server", "set-cookie", "cache-control", "age"} & first[1].keys()


async def test_a_path_has_a_page_and_an_info_document_also_when_one_is_kept(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url, Client(url) as client:
        for _ in range(2):
            _, headers, _ = await request(port_of(url), "GET / HTTP/1.1\nHost: x\nAccept: text/html")
            assert headers["content-type"] == "text/html; charset=utf-8"
            _, headers, _ = await request(port_of(url), "GET / HTTP/1.1\nHost: x\nAccept: application/nostr+json")
            assert headers["content-type"] == "application/nostr+json"
        assert await client.fetch({}) == []


async def test_a_publication_and_a_deletion_drop_what_is_kept(database18: dict[str, Any]) -> None:
    async with running(make_config(database18), Log()) as relay, Client(to_url(relay)) as client:
        await get(relay.port, "/prices")
        note = make_ring_note(author=KEYS[9])
        await client.publish_all(note)
        assert not is_kept(relay)
        await get(relay.port, "/prices")
        await client.publish_all(make_event(key=KEYS[9], kind=5, content="", tags=(("e", note.id),)))
        # Also right after a publication.
        assert not is_kept(relay)
        await get(relay.port, "/prices")
        assert (await client.publish(make_event()))[0] is False
        assert is_kept(relay)


async def test_what_another_process_publishes_drops_what_is_kept_here(database18: dict[str, Any]) -> None:
    async with (
        running(make_config(database18), Log()) as relay,
        relay_on(database18) as other,
        Client(other) as client,
        Client(to_url(relay)) as reader,
    ):
        await reader.follow()
        await get(relay.port, "/prices")
        await client.publish_all(make_ring_note())
        await reader.next("EVENT")
        assert not is_kept(relay)


async def test_a_note_that_is_deleted_or_expires_is_on_no_page_that_is_kept(database18: dict[str, Any]) -> None:
    word = "canary"
    expiring = make_ring_note("soon", tags=(("expiration", str(int(time.time()) + 3)),))
    note = make_ring_note(word, author=KEYS[9])
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(note)
        paths = ("/", "/feed.atom", f"/note/{note.id}")
        for _ in range(2):
            assert [word in (await get(port_of(url), path))[2].decode() for path in paths] == [True] * 3
        await client.publish_all(make_event(key=KEYS[9], kind=5, content="", tags=(("e", note.id),)))
        assert [word in (await get(port_of(url), path))[2].decode() for path in paths] == [False] * 3
        assert (await get(port_of(url), f"/note/{note.id}"))[0] == 410
        await client.publish_all(expiring)
        assert (await get(port_of(url), f"/note/{expiring.id}"))[0] == 200

        async def is_gone() -> bool:
            return (await get(port_of(url), f"/note/{expiring.id}"))[0] == 410

        # Long before it is a minute old.
        await until(is_gone)
        assert "soon" not in (await get(port_of(url), "/"))[2].decode()


async def test_the_words_of_an_answer_that_expires_are_on_no_page_that_is_kept(database18: dict[str, Any]) -> None:
    note = make_ring_note("what do you think?")
    tags = (("e", note.id), ("expiration", str(int(time.time()) + 3)))
    answer = make_ring_note("canary", kind=7, tags=tags, scope=f"7:{note.id}")
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(note, answer)
        assert "canary" in (await get(port_of(url), f"/note/{note.id}"))[2].decode()

        async def is_gone() -> bool:
            return "canary" not in (await get(port_of(url), f"/note/{note.id}"))[2].decode()

        await until(is_gone)


async def test_a_note_that_waits_drops_nothing(database18: dict[str, Any]) -> None:
    privacy = {"publish_every_s": 900}
    async with running(make_config(database18, privacy=privacy), Log()) as relay:
        await get(relay.port, "/prices")
        assert (await post_note(relay.port, json.dumps(as_json(make_ring_note()))))[0] == 202
        assert is_kept(relay)


async def test_a_network_that_reads_too_many_pages_is_told_to_wait(database18: dict[str, Any]) -> None:
    limits = {"max_page_reads_per_minute": 3}
    asked = "GET /prices HTTP/1.1\nHost: x\nX-Forwarded-For: "
    async with relay_on(database18, server=BEHIND_PROXY, limits=limits, pages={"cache_s": 0}) as url:
        port = port_of(url)
        assert [(await request(port, f"{asked}203.0.113.7"))[0] for _ in range(4)] == [200, 200, 200, 429]
        status, headers, body = await request(port, f"{asked}203.0.113.9")
        assert (status, headers["retry-after"]) == (429, "10")
        assert b"Wait for 10 seconds" in body
        assert (await request(port, f"{asked}198.51.100.7"))[0] == 200
        # What costs nothing is not counted.
        for path, status in (("/robots.txt", 200), ("/nowhere", 404), ("/pay/x", 404), ("/post", 429)):
            assert (await request(port, asked.replace("/prices", path) + "203.0.113.7"))[0] == status
        # A network that is not known shares nothing.
        assert [(await request(port, f"{asked}127.0.0.1"))[0] for _ in range(5)] == [200] * 5


async def test_pages_that_are_kept_are_not_counted(database18: dict[str, Any]) -> None:
    limits = {"max_page_reads_per_minute": 1}
    asked = "GET /prices HTTP/1.1\nHost: x\nX-Forwarded-For: 203.0.113.7"
    async with relay_on(database18, server=BEHIND_PROXY, limits=limits) as url:
        assert [(await request(port_of(url), asked))[0] for _ in range(5)] == [200] * 5


async def test_many_who_ask_at_once_all_get_the_page(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url:
        answers = await asyncio.gather(*(get(port_of(url), "/prices") for _ in range(100)))
        assert {status for status, _, _ in answers} == {200}


@pytest.mark.parametrize(
    ("index", "robots", "header"),
    [
        (False, "User-agent: *\nDisallow: /\n", "noindex, nofollow, noarchive"),
        (True, "User-agent: *\nDisallow: /pay/\nDisallow: /post\n", None),
    ],
)
async def test_search_engines_are_asked_for_nothing_unless_the_operator_says_so(
    database18: dict[str, Any], index: bool, robots: str, header: str | None
) -> None:
    async with relay_on(database18, pages={"index": index}) as url:
        _, headers, body = await get(port_of(url), "/robots.txt")
        assert (headers["content-type"], body.decode()) == ("text/plain; charset=utf-8", robots)
        for path in ("/", "/prices", "/prices", "/nowhere"):
            assert (await get(port_of(url), path))[1].get("x-robots-tag") == header
        # In any case.
        assert "noindex" in (await get(port_of(url), "/post"))[1]["x-robots-tag"]
        assert "noindex" in (await get(port_of(url), "/pay/x"))[1]["x-robots-tag"]


async def test_pages_name_the_onion_address_to_those_who_come_from_elsewhere(database18: dict[str, Any]) -> None:
    async with relay_on(database18, server={"onion_url": ONION}) as url:
        for path in ("/", "/prices?utm=1", "/prices?utm=2", "/nowhere"):
            assert (await get(port_of(url), path))[1]["onion-location"] == ONION + path
        for asked in (f"GET /prices HTTP/1.1\nHost: {'a' * 56}.onion", "GET / HTTP/1.1\nHost: x.ONION:80"):
            assert "onion-location" not in (await request(port_of(url), asked))[1]
        for target, path in (("http://x", "/"), ("http://x/prices?a=b?c", "/prices?a=b?c")):
            _, headers, _ = await request(port_of(url), f"GET {target} HTTP/1.1\nHost: x")
            assert headers["onion-location"] == ONION + path
        # Not of files and documents.
        [style] = re.findall(r'href="(/static/[^"]*css[^"]*)"', (await get(port_of(url), "/prices"))[2].decode())
        assert "onion-location" not in (await get(port_of(url), style))[1]
        document = "GET / HTTP/1.1\nHost: x\nAccept: application/nostr+json"
        assert "onion-location" not in (await request(port_of(url), document))[1]
    async with relay_on(database18) as url:
        assert "onion-location" not in (await get(port_of(url), "/"))[1]


async def test_kept_pages_are_there_without_a_database(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url:
        first = await get(port_of(url), "/prices")
        await forbid_connections(database18)
        assert await get(port_of(url), "/prices") == first
