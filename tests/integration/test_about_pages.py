"""The pages about the relay: they say what its configuration says, and the file that signs is a download."""

import hashlib
import html
import re
from typing import Any

import pytest

from relay.pages.sign_file import find_sign_file
from relay.protocol.nip19 import encode_npub
from tests.support.client import Client
from tests.support.events import KEYS, make_ring_note, pubkey_of
from tests.support.raw import get, port_of
from tests.support.relays import relay_on

ONION = f"http://{'b' * 56}.onion"


async def read_text(url: str, path: str) -> str:
    status, headers, body = await get(port_of(url), path)
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    return html.unescape(" ".join(re.sub(r"<[^>]+>", " ", body.decode()).split()))


async def test_about_says_what_is_configured(database18: dict[str, Any]) -> None:
    pubkey = pubkey_of(KEYS[0])
    sections: dict[str, Any] = {
        "info": {"contact": "mailto:op@relay.example", "pubkey": pubkey, "description": "For <the> works council"},
        "server": {"onion_url": ONION},
        "ring": {"min_size": 3, "min_size_linkable": 7, "max_size": 1_000},
        "privacy": {"publish_every_s": 900},
        "limits": {"max_content_chars": 5_000},
    }
    async with relay_on(database18, **sections) as url:
        text = await read_text(url, "/about")
        for part in (
            "For <the> works council",
            "Rings of 3 to 1,000 keys.",
            "Linkable rings of 7 keys and more.",
            "at most 5,000 characters",
            "these kinds only: 0, 5, 10002",
            "published together, within 15 minutes",
            "Until the next night",
            "mailto:op@relay.example",
            encode_npub(bytes.fromhex(pubkey)),
            ONION,
            "asked not to list",
        ):
            assert part in text
        # Nothing is sold.
        assert "Payments" not in text


async def test_about_says_less_where_less_is_kept_from_others(database18: dict[str, Any]) -> None:
    sections: dict[str, Any] = {"privacy": {"rewrite_at_hour": -1}, "accept": {"plain": True}, "pages": {"index": True}}
    async with relay_on(database18, **sections) as url:
        text = await read_text(url, "/about")
        assert "The files of the database keep in which order notes came." in text
        assert "whoever watches sees when each came" in text
        assert "and notes without one" in text
        assert "keep copies of their own" in text
        assert "The operator gives no contact." in text


async def test_a_contact_that_is_no_address_is_text(database18: dict[str, Any]) -> None:
    async with relay_on(database18, info={"contact": "javascript:alert(1)"}) as url:
        for path in ("/about", "/takedown"):
            body = (await get(port_of(url), path))[2].decode()
            assert "javascript:alert(1)" in body
            assert 'href="javascript' not in body


async def test_the_page_on_removals_says_who_removes_and_that_it_lists_none(database18: dict[str, Any]) -> None:
    async with relay_on(database18, info={"contact": "op@relay.example"}) as url:
        text = await read_text(url, "/takedown")
        for part in ("NIP-09", "NIP-40", "keeps no list of such removals", "op@relay.example"):
            assert part in text


@pytest.mark.parametrize(
    "path", ["/about/x", "/sign/", "/prices/1", "/verify/x", "/post/x", "/takedown/x", "/robots.txt/x"]
)
async def test_there_is_nothing_below_pages_that_have_no_parts(database18: dict[str, Any], path: str) -> None:
    async with relay_on(database18) as url:
        assert (await get(port_of(url), path))[0] == 404


async def test_the_file_that_signs_is_a_download_with_its_hash_and_runs_nowhere(database18: dict[str, Any]) -> None:
    file = find_sign_file()
    async with relay_on(database18) as url:
        body = (await get(port_of(url), "/sign"))[2].decode()
        if file is None:
            assert "offers no such file" in body
            pytest.skip("the download was not asked for: the file that signs is not built (make web)")
        assert file.sha256 in body
        assert file.sha256 in (await get(port_of(url), "/about"))[2].decode()
        [link] = re.findall(r'href="(/static/sign-[^"]*)"', body)
        status, headers, data = await get(port_of(url), html.unescape(link))
        assert (status, hashlib.sha256(data).hexdigest()) == (200, file.sha256)
        assert headers["content-disposition"] == f'attachment; filename="{file.name}"'
        assert headers["content-type"] == "application/octet-stream"
        assert headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        assert headers["x-content-type-options"] == "nosniff"
        # Of the pages that are files it is the only one.
        assert (await get(port_of(url), "/static/evidence.en.html"))[0] == 404


async def test_a_note_can_be_reported_where_reports_are_accepted_else_the_operator_is_named(
    database18: dict[str, Any],
) -> None:
    note = make_ring_note()
    sections: dict[str, Any] = {"info": {"contact": "mailto:op@relay.example"}}
    async with relay_on(database18, **sections) as url, Client(url) as client:
        await client.publish_all(note)
        body = (await get(port_of(url), f"/note/{note.id}"))[2].decode()
        assert "takes no reports" in body
        assert "report.js" not in body
        assert 'href="mailto:op@relay.example"' in body
    async with relay_on(database18, accept={"plain_kinds": [0, 1984]}, **sections) as url:
        body = (await get(port_of(url), f"/note/{note.id}"))[2].decode()
        assert f'data-note-id="{note.id}" data-pubkey="{note.pubkey}" data-path="/"' in body
        assert "report.js" in body
        # Without script there is no form to fill in vain.
        assert re.search(r'<form id="report-form" hidden', body)
        assert 'href="mailto:op@relay.example"' in body
