"""Databases with so many notes: loaded once, kept under .cache/bench, and copied for each run that measures on them."""

import asyncio
import hashlib
import shutil
import subprocess
from pathlib import Path

import asyncpg
import msgspec

from bench.copy_rows import copy_notes
from bench.questions import Vocabulary, VocabularyBuilder
from bench.relay_process import CHECKOUT, temporary_directory
from bench.store_notes import make_days
from relay.postgres.embedded import EmbeddedPostgres
from relay.postgres.migrate import apply_migrations, find_migrations_directory, load_migrations

SEED = 14
_TABLES = ("sorted_notes", "sorted_tags", "sorted_ring_members")
_VOCABULARY = "vocabulary.json"
# The code that decides what is in a store.
_SOURCES = (
    *(f"bench/{name}.py" for name in ("authors", "plain_notes", "store_notes", "copy_rows", "questions", "stores")),
    "relay/storage/table_row.py",
)


def find_store(count: int, cache: Path) -> Path:
    """Return the directory of a store, which has `data` and what can be asked for; make it where there is none."""
    directory = cache / f"store-{count}-{_digest_recipe(count)}"
    if not directory.exists():
        for old in cache.glob(f"store-{count}-*"):
            shutil.rmtree(old)
        with temporary_directory() as made:
            (made / "data").mkdir(mode=0o711)
            vocabulary = asyncio.run(_load(count, made / "data"))
            (made / _VOCABULARY).write_bytes(msgspec.json.encode(vocabulary))
            cache.mkdir(parents=True, exist_ok=True)
            unfinished = cache / "store.new"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            # With its owners, also from one disk to another.
            subprocess.run(["cp", "-a", f"{made}/.", str(unfinished)], check=True)
            unfinished.rename(directory)
    return directory


def read_vocabulary(store: Path) -> Vocabulary:
    """Return what can be asked for in a store."""
    return msgspec.json.decode((store / _VOCABULARY).read_bytes(), type=Vocabulary)


async def _load(count: int, data_dir: Path) -> Vocabulary:
    postgres = EmbeddedPostgres(data_dir / "postgres", shared_buffers="256MB")
    await postgres.start()
    try:
        connection = await asyncpg.connect(**postgres.connect_arguments)
        try:
            await apply_migrations(connection, find_migrations_directory())
            vocabulary = await fill(connection, count)
            await connection.execute("VACUUM ANALYZE")
            return vocabulary
        finally:
            await connection.close()
    finally:
        await postgres.stop()


async def fill(connection: asyncpg.Connection, count: int) -> Vocabulary:
    """Write so many notes into an empty database, and return what can be asked for."""
    builder = VocabularyBuilder(SEED)
    async with connection.transaction():
        # Of a table that is new in its transaction nothing goes to the write-ahead log, as wal_level is minimal.
        await connection.execute(f"TRUNCATE {', '.join(_TABLES)}; SET LOCAL maintenance_work_mem = '512MB'")
        definitions = await _drop_indexes(connection)
        for day in make_days(count, SEED):
            await copy_notes(connection, day.notes, is_sorted=not day.is_last)
            for note in day.notes:
                builder.see(note.event, () if note.claim is None else note.claim.ring)
        for definition in definitions:
            await connection.execute(definition)
    return builder.build()


async def _drop_indexes(connection: asyncpg.Connection) -> list[str]:
    """Drop all indexes of the sorted tables but those of constraints, and return what makes them again."""
    records = await connection.fetch(
        """
        SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition FROM pg_index i
        WHERE i.indrelid = ANY($1::text[]::regclass[])
            AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
        """,
        _TABLES,
    )
    for record in records:
        await connection.execute(f"DROP INDEX {record['name']}")
    return [record["definition"] for record in records]


def _digest_recipe(count: int) -> str:
    """Return what names a store: its size, the schema, and the code that fills it."""
    hashed = hashlib.sha256(f"{count} {SEED}".encode())
    for migration in load_migrations(find_migrations_directory()):
        hashed.update(migration.digest)
    for name in _SOURCES:
        hashed.update((CHECKOUT / name).read_bytes())
    return hashed.hexdigest()[:32]
