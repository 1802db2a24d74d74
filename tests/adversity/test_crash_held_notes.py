"""The relay and all of its Postgres die between OK and batch, and within the batch: every note is published, and once.

Each life is checked: no key without a row, no row without its key, and in the write-ahead log no id of a note beside the time at
which it came.
"""

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import asyncpg
import pytest
from websockets.exceptions import ConnectionClosed

from relay.protocol.event import Event
from tests.adversity.test_crash import post
from tests.support.client import Client, fetch_ids
from tests.support.events import make_ring_note
from tests.support.forensics.disk import Seizure, seize_files
from tests.support.forensics.marks import Needles, spell
from tests.support.forensics.wal import find_transactions, read_wal
from tests.support.processes import ServeProcess, serve
from tests.support.waiting import until

pytestmark = pytest.mark.serial

SETTINGS = {
    # One batch after another: what kills the relay mostly kills a publication.
    "PRIVACY__PUBLISH_EVERY_S": "0.3",
    "PRIVACY__MIN_BATCH": "5",
    "PRIVACY__MAX_WAIT_S": "1",
    "LIMITS__EVENTS_PER_S": "100000",
    "LIMITS__RING_LINKS_PER_S": "1000000",
    "PRIVACY__MAX_HELD_PER_CONNECTION": "100000",
    "PRIVACY__POW_BITS_WHEN_FULL": "0",
}
# Between any two of the steps of a publication: before or after the first call of what, once notes are posted.
STEPS = {
    "before the new key is in its file": ("relay.storage.key_files.KeyFiles.write", "before"),
    "after the new key is in its file": ("relay.storage.key_files.KeyFiles.write", "after"),
    "after the keys are changed": ("relay.storage.publication.Publisher._publish_under", "before"),
    "before the first part is published": ("relay.storage.publication.Publisher._publish_part", "before"),
    "after a part is published": ("relay.storage.publication.Publisher._publish_part", "after"),
    "before the last transaction": ("relay.storage.publication.Publisher._keep_waiting", "before"),
    "within the last transaction": ("relay.storage.held_notes.HeldNotes.delete_all", "after"),
    "after the last transaction": ("relay.storage.live_keys.LiveKeys.destroy", "before"),
    "after the old key is destroyed": ("relay.storage.live_keys.LiveKeys.destroy", "after"),
}
# Python that runs in the relay's process first.
_DYING = """
import asyncio, importlib, os, signal
def die_at(path, when, armed):
    place, _, name = path.rpartition(".")
    module, _, owner = place.rpartition(".")
    owner = getattr(importlib.import_module(module), owner)
    whole = getattr(owner, name)
    def die():
        if os.path.exists(armed):
            os.kill(os.getpid(), signal.SIGKILL)
    def run(*arguments, **options):
        if when == "before":
            die()
        result = whole(*arguments, **options)
        if when == "after":
            die()
        return result
    async def run_async(*arguments, **options):
        if when == "before":
            die()
        result = await whole(*arguments, **options)
        if when == "after":
            die()
        return result
    setattr(owner, name, run_async if asyncio.iscoroutinefunction(whole) else run)
"""


@dataclass
class Story:
    """What clients know over all lives of a relay: which notes were answered OK, and how often each was shown."""

    directory: Path
    kept: set[str] = field(default_factory=set)
    shown: Counter[str] = field(default_factory=Counter)
    waited: int = 0
    # Transactions that brought notes, of which the log was read.
    brought: int = 0

    @property
    def armed(self) -> Path:
        """Return the file that is there while a relay is to die by itself."""
        return self.directory / "armed"

    async def live(self, wanted: int, prelude: str = "") -> None:
        """Run a relay until so many more notes are kept, or it dies by itself, and kill all of it in one moment."""
        wanted += len(self.kept)
        async with serve(self.directory, prelude=prelude, **SETTINGS) as relay:
            self.armed.touch()
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(self._read(relay.url))
                posting = [group.create_task(post(relay.url, make_notes(), self.kept)) for _ in range(2)]
                if prelude:
                    await until(lambda: relay.process.returncode is not None)
                else:
                    await until(lambda: len(self.kept) >= wanted)
                await relay.kill_everything()
                await asyncio.wait([reading, *posting])
            self.armed.unlink()
            seizure = seize_files(relay.data_dir, self.directory / "seized")
        await self._check(seizure)

    async def _read(self, url: str) -> None:
        try:
            async with Client(url) as client:
                await client.follow()
                while True:
                    message = await client.receive()
                    self.shown[message[2]["id"]] += 1
        except (ConnectionClosed, OSError, EOFError, TimeoutError):
            return

    async def _check(self, seizure: Seizure) -> None:
        """Start what is left, publish nothing, and compare keys, rows and the log that was seized."""
        async with serve(self.directory, PRIVACY__PUBLISH_EVERY_S="86400") as relay:
            connection = await asyncpg.connect(**relay.connect_arguments())
            try:
                named = {
                    row["fingerprint"].hex() for row in await connection.fetch("SELECT fingerprint FROM sealing_keys")
                }
                used = {row["key"].hex() for row in await connection.fetch("SELECT key FROM held_notes")}
                stored = {row["id"].hex() for row in await connection.fetch("SELECT id FROM notes")}
                self.waited += await connection.fetchval("SELECT count(*) FROM held_notes")
                held = await connection.fetchval("SELECT pg_relation_filenode('held_notes')::bigint")
            finally:
                await connection.close()
            assert {path.stem for path in (relay.data_dir / "keys").iterdir()} == named
            assert used <= named
            await relay.stop()
        if waiting := self.kept - stored:
            self._check_log(seizure, waiting, held)

    def _check_log(self, seizure: Seizure, waiting: set[str], held: int) -> None:
        """Expect that no transaction which brought a note that waits has its id. A batch that was interrupted has it, later."""
        records = read_wal(seizure.cluster)
        brought = {record.transaction for record in records if held in record.relations and "INSERT" in record.text}
        needles = Needles({name: spell(bytes.fromhex(name)) for name in waiting})
        named = find_transactions(seizure.cluster, records, needles)
        assert {name for name, transactions in named.items() if transactions & brought} == set()
        self.brought += len(brought)

    async def end(self, note: str) -> None:
        """Publish what waits, and expect that each note that was kept is there, and that none was shown twice."""
        async with serve(self.directory, PRIVACY__PUBLISH_EVERY_S="0") as relay:
            await until(partial(is_nothing_waiting, relay))
            found = await fetch_ids(relay.url, self.kept)
        assert (len(found), set(found)) == (len(self.kept), self.kept), note
        assert max(self.shown.values(), default=0) <= 1, note


def make_notes() -> Iterator[Event]:
    for number in range(3_000):
        scope = "crash" if number % 4 == 0 else None
        # The fewest members that are accepted of linkable rings.
        yield make_ring_note(f"{number} {secrets.token_hex(8)}", ring_size=5 if scope else 3, scope=scope)


async def is_nothing_waiting(relay: ServeProcess) -> bool:
    connection = await asyncpg.connect(**relay.connect_arguments())
    try:
        return int(await connection.fetchval("SELECT count(*) FROM held_notes")) == 0
    finally:
        await connection.close()


async def _kill_at_random(directory: Path, kills: int) -> None:
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    story = Story(directory)
    for _ in range(kills):
        await story.live(rng.randrange(20, 400))
    await story.end(f"seed {seed}")
    # Else no kill came between an OK and its batch.
    assert story.waited > 0, f"seed {seed}"
    assert story.brought > 0, f"seed {seed}"


async def test_every_held_note_is_published_once_after_kills_around_the_batch(reachable_directory: Path) -> None:
    await _kill_at_random(reachable_directory, 3)


@pytest.mark.timeout(900)
@pytest.mark.forensic("takes minutes")
async def test_every_held_note_is_published_once_after_twenty_kills_around_the_batch(reachable_directory: Path) -> None:
    await _kill_at_random(reachable_directory, 20)


@pytest.mark.timeout(900)
@pytest.mark.forensic("takes minutes")
async def test_every_held_note_is_published_once_after_a_kill_between_any_two_steps_of_a_publication(
    reachable_directory: Path,
) -> None:
    story = Story(reachable_directory)
    for step in STEPS.values():
        await story.live(0, f"{_DYING}\ndie_at(*{step!r}, {str(story.armed)!r})")
    await story.end("steps")
    assert story.waited > 0
