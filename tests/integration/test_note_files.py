"""The files of a note over HTTP: what is served, to whom, and for which ids."""

import json
import re
import time
from typing import Any

import asyncpg
import msgspec
from nostr_sdk import EventId, Nip19Event

from relay.protocol.event import Event, encode_event
from tests.support.client import Client
from tests.support.events import make_event, make_ring_note
from tests.support.raw import get, port_of
from tests.support.relays import OPEN_HOUSE, relay_on


async def publish(url: str, *notes: Event) -> None:
    async with Client(url) as author:
        for note in notes:
            assert (await author.publish(note))[0]


async def test_a_notes_json_is_what_subscribers_get(database18: dict[str, Any]) -> None:
    note = make_ring_note("Grüße, <b>&amp;</b> \u202e\u0000")
    async with relay_on(database18) as url:
        await publish(url, note)
        status, headers, body = await get(port_of(url), f"/note/{note.id}.json")
        assert (status, body) == (200, encode_event(note))
        assert headers["content-type"] == "application/json"
        assert headers["content-disposition"] == f'attachment; filename="note-{note.id[:16]}.json"'
        assert headers["x-content-type-options"] == "nosniff"
        # Scripts of other sites may read it, as they may by WebSocket.
        assert headers["access-control-allow-origin"] == "*"


async def test_a_note_is_named_by_its_id_its_note1_or_its_nevent(database18: dict[str, Any]) -> None:
    note = make_ring_note()
    named = EventId.parse(note.id)
    names = (note.id, named.to_bech32(), Nip19Event(named).to_bech32())
    async with relay_on(database18) as url:
        await publish(url, note)
        for name in names:
            assert (await get(port_of(url), f"/note/{name}.json"))[2] == encode_event(note), name


async def test_what_is_not_here_is_said_in_json(database18: dict[str, Any]) -> None:
    absent = make_ring_note()
    async with relay_on(database18) as url:
        for name in (absent.id, absent.id[:-1], absent.id.upper(), "nevent1qqs", "npub1qqs", "..", "%00"):
            status, headers, body = await get(port_of(url), f"/note/{name}.json")
            assert status == 404, name
            if headers["content-type"] == "application/json":
                assert "does not have this note" in json.loads(body)["error"]


async def test_an_expired_note_is_not_served(database18: dict[str, Any]) -> None:
    note = make_event(tags=(("expiration", str(int(time.time()) + 1_000)),))
    async with relay_on(database18, **OPEN_HOUSE) as url:
        await publish(url, note)
        assert (await get(port_of(url), f"/note/{note.id}.json"))[0] == 200
        connection = await asyncpg.connect(**database18)
        await connection.execute("UPDATE notes SET expires_at = $1", int(time.time()) - 1)
        await connection.close()
        # Retention, which deletes it, comes later.
        assert (await get(port_of(url), f"/note/{note.id}.json"))[0] == 404


async def test_a_note_of_an_expensive_path_is_read_by_its_id_as_on_the_root_path(database18: dict[str, Any]) -> None:
    note = make_event(content="plain")
    async with relay_on(database18, **OPEN_HOUSE, tiers=[{"path": "/"}, {"path": "/other"}]) as url:
        await publish(f"{url}/other", note)
        served = msgspec.json.decode((await get(port_of(url), f"/note/{note.id}.json"))[2], type=Event)
        assert served == note


async def test_the_evidence_file_is_for_the_disk_and_never_runs_here(database18: dict[str, Any]) -> None:
    note = make_ring_note("</pre><script>alert(1)</script>&amp;")
    async with relay_on(database18) as url:
        await publish(url, note)
        status, headers, body = await get(port_of(url), f"/note/{note.id}/evidence.html")
        assert status == 200
        assert headers["content-disposition"] == f'attachment; filename="note-{note.id[:16]}.html"'
        assert headers["content-type"] == "text/html; charset=utf-8"
        policy = headers["content-security-policy"].split("; ")
        # No script, no origin, no form, nothing loaded.
        assert "sandbox" in policy
        assert "default-src 'none'" in policy
        assert not [part for part in policy if part.startswith("script-src")]
        (shown,) = re.findall(rb'<pre id="json"[^>]*>([^<>&]*)</pre>', body)
        assert msgspec.json.decode(shown, type=Event) == note


async def test_there_is_no_evidence_file_for_a_note_that_is_not_here(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url:
        for path in (f"/note/{make_ring_note().id}/evidence.html", "/note/x/evidence.html", "/note/x/other.html"):
            assert (await get(port_of(url), path))[0] == 404
