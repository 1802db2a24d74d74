"""A small relay without features: what this machine can do from Python. Its figures are a yardstick.

`python -m bench.prototype DIRECTORY` serves on a port that it prints. A note counts once its id and signature are checked and
its transaction is committed, as the relay does it: into the same Postgres, with fsync. Queries are answered from a list.
"""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import uvloop
from coincurve import PublicKeyXOnly
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from relay.postgres.embedded import EmbeddedPostgres
from relay.protocol.event import Event, compute_id, encode_event

_SCHEMA = """
CREATE TABLE IF NOT EXISTS note (id bytea PRIMARY KEY, pubkey bytea, created_at bigint, kind int, event bytea);
CREATE INDEX IF NOT EXISTS by_time ON note (created_at DESC, id);
CREATE INDEX IF NOT EXISTS by_kind ON note (kind, created_at DESC, id);
CREATE INDEX IF NOT EXISTS by_author ON note (pubkey, kind, created_at DESC, id);
CREATE TABLE IF NOT EXISTS tag (tag bytea, created_at bigint, id bytea);
CREATE INDEX IF NOT EXISTS by_tag ON tag (tag, created_at DESC, id)
"""
_INSERT = """
WITH inserted AS (INSERT INTO note SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::int[], $5::bytea[])
    ON CONFLICT DO NOTHING RETURNING id, created_at)
INSERT INTO tag SELECT t.tag, i.created_at, t.id FROM unnest($6::bytea[], $7::bytea[]) t (tag, id) JOIN inserted i USING (id)
"""

_decode = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_event = msgspec.json.Decoder(Event).decode
_BATCH = 500
_VERIFIED_AT_ONCE = 100


class Prototype:
    """All that it is: notes to be checked, notes to be stored, the newest ones in a list, and who wants them live."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._unchecked: list[tuple[ServerConnection, bytes]] = []
        self._checked: list[tuple[ServerConnection, Event]] = []
        self._latest: list[bytes] = []
        self._live: dict[tuple[ServerConnection, bytes], None] = {}
        self._arrived, self._verified = asyncio.Event(), asyncio.Event()

    async def serve_client(self, client: ServerConnection) -> None:
        """Take what a client sends."""
        try:
            async for text in client:
                self._take(client, *_decode(text))
        except ConnectionClosed:
            pass  # Clients of a benchmark hang up.
        self._live = {key: None for key in self._live if key[0] is not client}

    def _take(self, client: ServerConnection, verb: msgspec.Raw, first: msgspec.Raw, *filters: msgspec.Raw) -> None:
        if bytes(verb) == b'"EVENT"':
            self._unchecked.append((client, bytes(first)))
            self._arrived.set()
        elif bytes(verb) == b'"REQ"':
            self._answer(client, bytes(first), msgspec.json.decode(filters[0]).get("limit", 500))

    def _answer(self, client: ServerConnection, name: bytes, limit: int) -> None:
        found = (
            [_frame(b'["EVENT",%b,%b]' % (name, event)) for event in self._latest[: -limit - 1 : -1]] if limit else []
        )
        client.transport.write(b"".join([*found, _frame(b'["EOSE",%b]' % name)]))
        if not limit:
            self._live[client, name] = None

    async def keep_verifying(self, threads: ThreadPoolExecutor) -> None:
        """Check what came, so many notes at once on a thread."""
        while True:
            await self._arrived.wait()
            taken, self._unchecked = self._unchecked[:_VERIFIED_AT_ONCE], self._unchecked[_VERIFIED_AT_ONCE:]
            if not self._unchecked:
                self._arrived.clear()
            if taken:
                verified = await asyncio.get_running_loop().run_in_executor(threads, _verify, taken)
                self._checked += verified
                self._verified.set()

    async def keep_storing(self) -> None:
        """Store what was checked, a transaction a batch; then answer and pass it on."""
        statement = await self._connection.prepare(_INSERT)
        while True:
            await self._verified.wait()
            batch, self._checked = self._checked[:_BATCH], self._checked[_BATCH:]
            if not self._checked:
                self._verified.clear()
            if batch:
                events = [encode_event(event) for _, event in batch]
                await statement.fetch(*_list_columns([event for _, event in batch], events))
                self._tell([(client, event.id.encode()) for client, event in batch], events)

    def _tell(self, senders: list[tuple[ServerConnection, bytes]], events: list[bytes]) -> None:
        self._latest += events
        answers: dict[ServerConnection, list[bytes]] = {}
        for client, note_id in senders:
            answers.setdefault(client, []).append(_frame(b'["OK","%b",true,""]' % note_id))
        for client, name in self._live:
            answers.setdefault(client, []).extend(_frame(b'["EVENT",%b,%b]' % (name, event)) for event in events)
        for client, frames in answers.items():
            client.transport.write(b"".join(frames))


def _verify(taken: list[tuple[ServerConnection, bytes]]) -> list[tuple[ServerConnection, Event]]:
    return [(client, event) for client, raw in taken if _is_valid(event := _decode_event(raw))]


def _is_valid(event: Event) -> bool:
    is_id = event.id == compute_id(event.pubkey, event.created_at, event.kind, event.tags, event.content)
    key = PublicKeyXOnly(bytes.fromhex(event.pubkey))
    return is_id and key.verify(bytes.fromhex(event.sig), bytes.fromhex(event.id))


def _list_columns(batch: list[Event], events: list[bytes]) -> list[list[Any]]:
    ids = [bytes.fromhex(event.id) for event in batch]
    tags = [
        (f"{tag}{value}".encode(), id_)
        for event, id_ in zip(batch, ids, strict=True)
        for tag, value in event.indexed_tags
    ]
    return [
        ids,
        [bytes.fromhex(event.pubkey) for event in batch],
        [event.created_at for event in batch],
        [event.kind for event in batch],
        events,
        [tag for tag, _ in tags],
        [id_ for _, id_ in tags],
    ]


def _frame(payload: bytes) -> bytes:
    size = len(payload)
    head = bytes((0x81, size)) if size < 126 else b"\x81\x7e" + size.to_bytes(2, "big") if size < 65_536 else b""
    return (head or b"\x81\x7f" + size.to_bytes(8, "big")) + payload


async def _run(directory: Path) -> None:
    postgres = EmbeddedPostgres(directory)
    await postgres.start()
    try:
        connection = await asyncpg.connect(**postgres.connect_arguments)
        await connection.execute(_SCHEMA)
        prototype = Prototype(connection)
        with ThreadPoolExecutor(2) as threads:
            async with (
                asyncio.TaskGroup() as group,
                serve(prototype.serve_client, "127.0.0.1", 0, compression=None, ping_interval=None) as server,
            ):
                print("prototype", next(iter(server.sockets)).getsockname()[1], flush=True)
                for _ in range(2):
                    group.create_task(prototype.keep_verifying(threads))
                group.create_task(prototype.keep_storing())
                await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
                raise SystemExit
    finally:
        await postgres.stop()


if __name__ == "__main__":
    uvloop.run(_run(Path(sys.argv[1])))
