"""A relay on an external database whose key is gone, as a tmpfs is after a reboot: what it says, and how it goes on."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Client, fetch_ids
from tests.support.command import run
from tests.support.events import make_event, make_ring_note
from tests.support.processes import serve
from tests.support.relays import to_database_url
from tests.support.waiting import until


@pytest.mark.parametrize("is_running", [True, False], ids=["while the relay runs", "while it does not"])
async def test_lost_notes_are_counted_at_the_start_and_given_up_by_a_command(
    database18: dict[str, Any], reachable_directory: Path, is_running: bool
) -> None:
    url = to_database_url(database18)
    settings = {"DATABASE__URL": url, "ACCEPT__PLAIN": "true"}
    variables = {"RELAY_DATABASE__URL": url, "RELAY_DATA_DIR": str(reachable_directory / "data")}
    lost, new = make_ring_note("lost"), make_ring_note("new")
    async with serve(reachable_directory, PRIVACY__PUBLISH_EVERY_S="86400", **settings) as relay:
        assert (await run("forget-held", **variables)).out == "nothing to do: every key is on this machine\n"
        async with Client(relay.url) as client:
            await client.publish_all(lost)
        await relay.stop()
    shutil.rmtree(reachable_directory / "data" / "keys")
    async with serve(reachable_directory, PRIVACY__PUBLISH_EVERY_S="1", **settings) as relay:
        assert "held_notes_elsewhere" in relay.log
        assert "1 notes wait under a key that is not in privacy.key_dir here" in relay.log
        plain = make_event()
        async with Client(relay.url) as client:
            accepted, text = await client.publish(new)
            assert not accepted
            assert text.startswith("error: the key under which notes wait is on another machine")
            # Batches come and go, and everything else works.
            await client.publish_all(plain)
            await until(lambda: fetch_ids(relay.url, [plain.id]))
        if is_running:
            await _give_up(variables)
            await _post(relay.url, new.id, new)
        await relay.stop()
        assert "internal_error" not in relay.log
    if not is_running:
        await _give_up(variables)
        async with serve(reachable_directory, PRIVACY__PUBLISH_EVERY_S="1", **settings) as relay:
            await _post(relay.url, new.id, new)
            await relay.stop()
    async with serve(reachable_directory, PRIVACY__PUBLISH_EVERY_S="0", **settings) as relay:
        assert await fetch_ids(relay.url, [lost.id, new.id]) == [new.id]


async def _give_up(variables: dict[str, str]) -> None:
    asked = await run("forget-held", **variables)
    assert (asked.status, asked.out) == (1, "")
    assert asked.err.startswith("1 notes wait under a key")
    done = await run("forget-held", "--yes", **variables)
    assert (done.status, done.err) == (0, "")
    assert done.out == "1 notes are given up; new ring notes are taken here under a new key\n"


async def _post(url: str, name: str, note: Any) -> None:
    async with Client(url) as client:
        await client.publish_all(note)
    await until(lambda: fetch_ids(url, [name]))
