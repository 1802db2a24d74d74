"""What the state machine of payments works on: the notes that it sells, and what its examples share."""

import asyncio
import tempfile
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from relay.limits import InvoicePolicy
from relay.policy.tiers import Tier
from relay.protocol.event import Event
from relay.storage.row import SaveResult
from relay.verify.pool import VerifyPool
from tests.support.events import KEYS, make_event, make_ring_note
from tests.support.held import RememberedKeyFiles
from tests.support.killable import BOUND_S
from tests.support.ledger import begin_audit
from tests.support.postgres_servers import PostgresServer

BEGIN = 1_800_000_000
POLICY = InvoicePolicy(pow_bits=0, pow_bits_when_full=0, per_s=1e6, max_open=4, max_per_note=3, max_unpaid_notes=3)
TIERS = [Tier(path="/"), Tier(path="/1k", price_sat=1_000), Tier(path="/10k", price_sat=10_000)]
TARGET = "ab" * 32
ANSWER: dict[str, Any] = {"kind": 1018, "scope": f"1018:{TARGET}", "created_at": BEGIN}
AUTHORS = KEYS[40:48]


def make_notes() -> list[Event]:
    """Make notes of every kind that settles in a way of its own, one of each author."""
    return [
        make_ring_note("ring", author=AUTHORS[0], created_at=BEGIN),
        make_event(key=AUTHORS[1], content="plain", created_at=BEGIN),
        # Of these one alone can be there.
        make_ring_note("yes", author=AUTHORS[2], tags=(("e", TARGET),), **ANSWER),
        make_ring_note("no", author=AUTHORS[3], tags=(("e", TARGET),), **ANSWER),
        # The second displaces the first.
        make_event(key=AUTHORS[4], kind=30_023, content="old", tags=(("d", ""),), created_at=BEGIN - 9),
        make_event(key=AUTHORS[4], kind=30_023, content="new", tags=(("d", ""),), created_at=BEGIN),
        make_ring_note("soon gone", author=AUTHORS[5], tags=(("expiration", str(BEGIN + 1_000)),), created_at=BEGIN),
        # A deletion with words is sold as all else is.
        make_event(key=AUTHORS[1], kind=5, content="sorry", tags=(("a", f"30023:{AUTHORS[4]}:"),), created_at=BEGIN),
        # Of these two rings' notes the first one there keeps the address.
        make_ring_note("ours", author=AUTHORS[6], kind=30_023, created_at=BEGIN - 9),
        make_ring_note("theirs", author=AUTHORS[6], kind=30_023, created_at=BEGIN, ring_size=6),
    ]


NOTES = make_notes()
IDS = [bytes.fromhex(note.id) for note in NOTES]
# What a paid note can be refused for, and the other note that must have been here first.
RIVALS = {
    IDS[2]: (SaveResult.ANSWERED, IDS[3]),
    IDS[3]: (SaveResult.ANSWERED, IDS[2]),
    IDS[4]: (SaveResult.SUPERSEDED, IDS[5]),
    IDS[8]: (SaveResult.ADDRESS_TAKEN, IDS[9]),
    IDS[9]: (SaveResult.ADDRESS_TAKEN, IDS[8]),
}
OWNERS = [AUTHORS[index] for index in (0, 1, 2, 3, 4, 4, 5, 1, 6, 6)]
DELETIONS = [
    make_event(key=owner, kind=5, content="", tags=(("e", note.id),), created_at=BEGIN)
    for note, owner in zip(NOTES, OWNERS, strict=True)
]
FORGED = msgspec.structs.replace(make_event(content="by nobody", created_at=BEGIN), sig=NOTES[0].sig)
ALTERED = msgspec.structs.replace(NOTES[1], sig=NOTES[0].sig)


@dataclass
class Bench:
    """What examples share: the loop, the database and a connection that looks at it, and the threads that verify."""

    loop: asyncio.AbstractEventLoop
    arguments: dict[str, Any]
    watcher: asyncpg.Connection
    verify_pool: VerifyPool
    key_files: RememberedKeyFiles

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(asyncio.wait_for(work, BOUND_S))


@contextmanager
def opened_bench(server: PostgresServer) -> Iterator[Bench]:
    """Give a loop and a database for all examples: to make these for each would take longer than what it does."""
    loop = asyncio.new_event_loop()
    arguments = loop.run_until_complete(server.create_database())
    watcher = loop.run_until_complete(asyncpg.connect(**arguments))
    loop.run_until_complete(begin_audit(watcher))
    verify_pool = VerifyPool(lambda _: None, lambda _: None)
    verifying = loop.create_task(verify_pool.keep_verifying())
    try:
        with tempfile.TemporaryDirectory() as directory:
            yield Bench(loop, arguments, watcher, verify_pool, RememberedKeyFiles(Path(directory)))
    finally:
        verifying.cancel()
        loop.run_until_complete(asyncio.wait([verifying]))
        loop.run_until_complete(watcher.close())
        loop.run_until_complete(server.drop_database(arguments))
        loop.close()
