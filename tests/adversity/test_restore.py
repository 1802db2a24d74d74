"""Yesterday's copy of the data is put back after more was sold: each payment publishes, or is counted and can be claimed."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from relay.pricing.offer import Offer
from relay.protocol.event import Event
from tests.support.client import Client, fetch_ids
from tests.support.command import Finished, run
from tests.support.events import make_ring_note
from tests.support.lightning_stubs import ClnrestStub, LndStub
from tests.support.paid import order, to_settings
from tests.support.processes import ServeProcess, serve
from tests.support.raw import request
from tests.support.waiting import until

pytestmark = pytest.mark.serial

PATH = "/10k"
# In the order in which they are sold. The copy is made after the third.
NAMES = ("published", "paid while away", "paid later", "sold and lost", "open and lost")


def copy(source: Path, target: Path) -> None:
    """Copy a data directory as an operator does, with owners and modes."""
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)


async def count(relay: ServeProcess, metric: str) -> float:
    _, _, body = await request(relay.private_port, "GET /metrics HTTP/1.1\nHost: x\nConnection: close")
    found = re.search(rf"^{metric} (\S+)$", body.decode(), re.MULTILINE)
    assert found, metric
    return float(found[1])


@pytest.mark.parametrize(
    "kind", [LndStub, pytest.param(ClnrestStub, marks=pytest.mark.more("takes a quarter of a minute, alone"))]
)
async def test_after_a_restore_no_payment_is_lost_without_a_word(
    kind: type[LndStub | ClnrestStub], reachable_directory: Path, tmp_path: Path
) -> None:
    notes = {name: make_ring_note(name) for name in NAMES}
    offers: dict[str, Offer] = {}
    async with kind(tmp_path).running() as node:
        settings = {**to_settings(node), "METRICS__SNAPSHOT_EVERY_S": "0"}

        async def sell(relay: ServeProcess, name: str) -> None:
            async with Client(f"{relay.url}{PATH}") as author:
                offers[name] = await order(author, notes[name])

        async def pay(name: str) -> None:
            await node.pay(offers[name].bolt11)

        async def claim(name: str) -> Finished:
            variables = {f"RELAY_{key}": value for key, value in settings.items()}
            data = {"RELAY_DATA_DIR": str(relay.data_dir), "RELAY_DATABASE__SHARED_BUFFERS_MIB": "16"}
            words = ("claim", offers[name].bolt11, "--note", notes[name].id, "--json")
            return await run("payments", *words, **variables, **data)

        async with serve(reachable_directory, **settings) as relay:
            for name in NAMES[:3]:
                await sell(relay, name)
            await pay("published")
            await until_shown(relay, [notes["published"]])
            await relay.stop()
            yesterday = reachable_directory / "yesterday"
            copy(relay.data_dir, yesterday)

            await start(relay)
            for name in NAMES[3:]:
                await sell(relay, name)
            await pay("sold and lost")
            await until_shown(relay, [notes["published"], notes["sold and lost"]])
            await relay.stop()
            copy(yesterday, relay.data_dir)
            await pay("paid while away")
            await pay("open and lost")

            await start(relay)
            await until_shown(relay, [notes["published"], notes["paid while away"]])
            await until_counted(relay, 2)
            assert relay.log.count("event='payment_unmatched'") == 2
            await pay("paid later")
            here = [notes[name] for name in NAMES[:3]]
            await until_shown(relay, here)

            # What the copy knows is in its books, and cannot be claimed on top of that.
            for name in NAMES[:3]:
                assert (await claim(name)).status == 1
            for name in NAMES[3:]:
                done = await claim(name)
                assert (done.status, json.loads(done.out or "{}").get("amount_msat")) == (0, 10_000_000), done
                assert (await claim(name)).status == 1
                async with Client(f"{relay.url}{PATH}") as author:
                    assert await author.publish(notes[name]) == (True, "")
            await until_shown(relay, list(notes.values()))
            await relay.stop()


async def start(relay: ServeProcess) -> None:
    await relay.start()
    await relay.wait_until_ready()


async def until_shown(relay: ServeProcess, wanted: list[Event]) -> None:
    ids = sorted(note.id for note in wanted)

    shown: list[str] = []

    async def are_shown() -> bool:
        shown[:] = sorted(await fetch_ids(relay.url, ids))
        return shown == ids

    await until(are_shown, tell=lambda: f"notes {ids} to be shown; there are {shown}; {relay.log}")


async def until_counted(relay: ServeProcess, payments: int) -> None:
    counted = 0.0

    async def are_counted() -> bool:
        nonlocal counted
        counted = await count(relay, "ringrelay_unmatched_payments_total")
        return counted == payments

    await until(are_counted, tell=lambda: f"{payments} payments to be counted; there are {counted:g}; {relay.log}")
