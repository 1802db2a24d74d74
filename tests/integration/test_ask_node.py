"""`ringrelay check-config --ask`: one invoice at the configured node, made, looked up and cancelled. Over stubs of all nodes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web

from relay.pricing.lightning.http import REFUSED, UNEXPECTED, UNREACHABLE
from relay.pricing.lightning.invoices import WRONG_AMOUNT, WRONG_NETWORK
from relay.pricing.lightning.nwc.messages import OTHER_NETWORK
from relay.pricing.settings import read_secret
from tests.support.command import Finished, run
from tests.support.lightning_stubs import STUBS, ClnrestStub, LnbitsStub
from tests.support.lightning_stubs.node import StubNode

TIERS = '[{"path": "/"}, {"path": "/1k", "price_sat": 1000}, {"path": "/10k", "price_sat": 10000}]'


@pytest_asyncio.fixture(params=sorted(STUBS))
async def node(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StubNode]:
    async with STUBS[request.param](tmp_path).running() as stub:
        yield stub


async def ask(node: StubNode, **changed: str) -> Finished:
    """Run the command over a node, and expect that no secret of it is shown."""
    section = {name.upper(): str(value) for name, value in node.section.model_dump(exclude_none=True).items()}
    section.pop("SECRET", None)
    if node.section.secret is not None:
        section["SECRET"] = node.section.secret.get_secret_value()
    variables = {f"RELAY_LIGHTNING__{name}": value for name, value in {**section, **changed}.items()}
    done = await run(
        "check-config", "--ask", RELAY_TIERS=TIERS, RELAY_PRIVACY__PUBLISH_EVERY_S="900", stdin=b"", **variables
    )
    assert read_secret(node.section) not in done.out + done.err
    assert "Traceback" not in done.err
    return done


def read_said(done: Finished) -> list[str]:
    """Return what the command says of the node, after the configuration."""
    return done.out.rpartition("}\n")[2].splitlines()


async def test_an_invoice_of_each_node_is_made_looked_up_and_cancelled(node: StubNode) -> None:
    done = await ask(node)
    assert done.status == 0, done.err
    said = read_said(done)
    # A wallet of a connection string has no URL, and the string is a secret.
    place = f" at {node.section.url}" if node.section.url else ""
    assert said[0] == f"asking {node.backend}{place} for an invoice over 10000 sat, which nobody pays"
    assert said[1] == "made: its network, amount, payment hash and expiry are as asked"
    assert said[-2] == "looked up: nobody has paid it"
    if node.cancels:
        assert said[-1] == "cancelled: nobody can pay it any more"
    else:
        assert said[-1].startswith(
            "not cancelled: this node cannot; nobody knows the invoice, and it expires in 15 minutes"
        )
    assert [made.amount_msat for made in node.made if not made.cancelled] == ([] if node.cancels else [10_000_000])


async def test_a_node_that_is_down_is_said(node: StubNode) -> None:
    section = node.section
    await node.stop()
    done = await ask(node)
    await node.start()
    assert (done.status, section.url in done.out) == (1, True)
    assert read_said(done)[-1] == f"not made: {UNREACHABLE}"


async def test_a_secret_that_the_node_refuses_is_said_and_not_shown(tmp_path: Path) -> None:
    async with LnbitsStub(tmp_path).running() as node:
        done = await ask(node, SECRET=node.wrong_secret)
        assert done.status == 1
        assert read_said(done)[-1] == f"not made: {REFUSED}"
        assert node.wrong_secret not in done.out + done.err


async def test_a_node_of_another_network_is_said(node: StubNode) -> None:
    done = await ask(node, NETWORK="mainnet")
    assert done.status == 1
    assert read_said(done)[-1] in (f"not made: {WRONG_NETWORK}", f"not made: {OTHER_NETWORK}")


async def test_an_invoice_over_another_amount_is_said(node: StubNode) -> None:
    node.change_amount = lambda msat: msat + 1_000
    done = await ask(node)
    assert (done.status, read_said(done)[-1]) == (1, f"not made: {WRONG_AMOUNT}")


async def test_what_the_node_warns_of_is_said(tmp_path: Path) -> None:
    async with ClnrestStub(tmp_path).running() as node:
        said = read_said(await ask(node))
    assert said[2] == (
        "warning: the Lightning node's channels cannot receive the price of a note: open or buy inbound capacity"
    )


async def test_a_look_up_that_fails_is_said(tmp_path: Path) -> None:
    class Forbidding(LnbitsStub):
        async def _look_up(self, request: web.Request) -> web.Response:
            return web.json_response({"detail": "no"}, status=500)

    async with Forbidding(tmp_path).running() as node:
        done = await ask(node)
    assert (done.status, read_said(done)[-1]) == (1, f"not looked up: {UNEXPECTED}")


async def test_without_a_node_there_is_nothing_to_ask() -> None:
    done = await run("check-config", "--ask")
    assert (done.status, done.out) == (2, "")
    assert "--ask needs a Lightning node: set lightning.backend" in done.err
