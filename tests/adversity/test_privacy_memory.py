"""What a running relay holds besides its database: in memory after a client has gone, of keys, and in Postgres' statistics."""

import asyncio
import gc
import subprocess
import sys
from types import ModuleType
from typing import Any

import asyncpg
import pytest

from relay.limits import InternalLimits
from relay.log import Log
from relay.server import running
from tests.support.client import TIMEOUT_S, Client
from tests.support.events import make_ring_note
from tests.support.raw import make_handshake, make_text_frame
from tests.support.relays import make_config, relay_on
from tests.support.waiting import until

# No other test's, and in parts, so that no text of the tests themselves is what is looked for.
_SOURCE = ("127.", "78.", "14.", "8")

# All but the migrations', which are read at the start only, and what is partitioned and has no rows of its own.
_LAST_USES = """
SELECT last_idx_scan AS used_at FROM pg_stat_user_indexes WHERE relname <> 'schema_migrations'
UNION ALL SELECT last_seq_scan FROM pg_stat_user_tables s JOIN pg_class c ON c.oid = s.relid
WHERE s.relname <> 'schema_migrations' AND c.relkind <> 'p'
"""


async def test_when_a_client_has_gone_no_object_of_the_process_holds_its_address(database18: dict[str, Any]) -> None:
    async with running(make_config(database18), Log()) as relay:
        source = "".join(_SOURCE)
        reader, writer = await asyncio.open_connection("127.0.0.1", relay.port, local_addr=(source, 0))
        del source
        writer.write(make_handshake())
        async with asyncio.timeout(TIMEOUT_S):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(make_text_frame(b"[]"))
            await reader.readexactly(2)
        # The address is found while the client is there: its socket has it, as the kernel does.
        assert _find_texts("".join(_SOURCE))
        writer.close()
        await writer.wait_closed()
        del reader, writer
        await until(lambda: not relay._listener._connections)

        async def is_forgotten() -> bool:
            return not _find_texts("".join(_SOURCE))

        await until(is_forgotten)


def _find_texts(wanted: str) -> list[str]:
    """Return the texts that any live object holds and that contain the wanted one, which itself is in none."""
    gc.collect()
    found: list[str] = []
    # A module has a dict, which is an object of its own. To ask some modules in C for more spoils CPython 3.12.1's collector.
    containers = (container for container in gc.get_objects() if not isinstance(container, ModuleType))
    waiting = [thing for container in containers for thing in gc.get_referents(container)]
    while waiting:
        thing = waiting.pop()
        if type(thing) is str:
            found += [thing] if thing is not wanted and wanted in thing else []
        elif not gc.is_tracked(thing):
            # A tuple of texts and numbers, as an address is, is no object of the collector's.
            waiting += gc.get_referents(thing)
    return found


def test_a_relay_loads_no_code_that_can_sign_with_a_ring() -> None:
    program = "import sys, relay.server, relay.serve; print(*(n for n in sys.modules if n.startswith('relay.client')))"
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert printed.stdout.split() == []


def test_only_a_relay_with_a_wallet_over_nostr_loads_code_that_signs_requests_to_it() -> None:
    program = """
import sys, relay.server, relay.serve
from relay.pricing.lightning import check_files
from relay.pricing.settings import LightningSection
wallet = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
secret = f"nostr+walletconnect://{wallet}?relay=wss%3A%2F%2Fwallet.example&secret={'01' * 32}"
for backend, url in (("phoenixd", "http://127.0.0.1:1"), ("nwc", "")):
    check_files(LightningSection(backend=backend, url=url, secret=secret))
    print(*(name for name in sys.modules if name.startswith("relay.pricing.lightning.nwc")), sep=",")
"""
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    without, with_wallet = printed.stdout.splitlines()
    assert without == ""
    assert "relay.pricing.lightning.nwc.connection_key" in with_wallet.split(",")


async def test_the_last_use_of_every_index_and_table_says_only_that_the_relay_was_running(
    database: dict[str, Any],
) -> None:
    connection = await asyncpg.connect(**database)
    if connection.get_server_version().major < 16:
        await connection.close()
        pytest.skip("before Postgres 16 no server keeps such a time")
    try:
        async with (
            relay_on(database, internal=InternalLimits(mask_statistics_every_s=0.05)) as url,
            Client(url) as client,
        ):
            await client.publish_all(make_ring_note(scope="s"))
            # Statistics are flushed once a second: whatever the note left there is older than this.
            posted_at = await connection.fetchval("SELECT clock_timestamp() + interval '2 seconds'")

            async def are_all_later() -> bool:
                rows = await connection.fetch(_LAST_USES)
                assert len(rows) > 20
                return all(row["used_at"] and row["used_at"] > posted_at for row in rows)

            await until(are_all_later)
    finally:
        await connection.close()
