"""`ringrelay evidence`: a page from a file or from the one relay that is named, of a valid note and of no other."""

import json
import re
from pathlib import Path
from typing import Any

from relay.protocol import nip19
from relay.protocol.event import Event, encode_event
from tests.support import command
from tests.support.client import Client, as_json
from tests.support.command import Finished
from tests.support.events import KEYS, make_event, make_ring_note
from tests.support.raw import get, port_of
from tests.support.relays import relay_on

NOTE = make_ring_note("we have known <since> March")


async def make(*arguments: str | Path, **variables: str) -> Finished:
    return await command.run("evidence", *map(str, arguments), **variables)


def write(directory: Path, note: Event | dict[str, Any]) -> Path:
    path = directory / "note.json"
    path.write_bytes(encode_event(note) if isinstance(note, Event) else json.dumps(note).encode())
    return path


def read_note(page: Path) -> Any:
    found = re.search(r'<pre id="json"[^>]*>(.*?)</pre>', page.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return json.loads(found[1])


async def test_a_file_becomes_a_page_with_the_same_note(tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    done = await make(write(tmp_path, NOTE), "--out", out)
    assert (done.status, done.out, done.err) == (0, f"{out}\n", "")
    assert read_note(out) == as_json(NOTE)


async def test_a_note_of_a_relay_becomes_the_page_that_the_relay_gives(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    out = tmp_path / "page.html"
    async with relay_on(database18) as url, Client(url) as author:
        await author.publish_all(NOTE)
        nevent = nip19.encode_nevent(bytes.fromhex(NOTE.id), "wss://relay.invalid")
        done = await make(nevent, "--relay", url, "--out", out)
        _, _, served = await get(port_of(url), f"/note/{NOTE.id}/evidence.html")
    assert done.status == 0, done.err
    assert out.read_bytes() == served


async def test_what_is_not_valid_makes_no_page(tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    changed = {**as_json(NOTE), "content": "we have known since May"}
    done = await make(write(tmp_path, changed), "--out", out)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith("FALSE: the id is not the hash of the event")
    plain = await make(write(tmp_path, make_event()), "--out", out)
    assert plain.status == 1
    assert "no ring signature" in plain.err
    assert not out.exists()


async def test_a_page_is_never_written_over_a_file(tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    out.write_text("mine", encoding="utf-8")
    done = await make(write(tmp_path, NOTE), "--out", out)
    assert done.status == 2
    assert "there is such a file already" in done.err
    assert out.read_text(encoding="utf-8") == "mine"


async def test_a_link_without_a_relay_is_asked_for_one_and_not_repeated() -> None:
    secret = nip19.encode_nsec(KEYS[0].secret)
    for given in (NOTE.id, secret):
        done = await make(given)
        assert done.status == 2
        assert "--relay URL" in done.err
        assert given not in done.err


async def test_tor_is_asked_as_by_the_other_commands() -> None:
    done = await make(NOTE.id, "--relay", f"ws://{'a' * 56}.onion", "--no-tor")
    assert done.status == 2
    assert "onion" in done.err
