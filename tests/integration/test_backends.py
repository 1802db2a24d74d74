"""Every Lightning backend against a stub of its node: the common suite, and how a node can misbehave."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.backend_contract import BackendContract, look, make, opened
from tests.support.lightning_stubs import STUBS
from tests.support.lightning_stubs.node import StubNode


@pytest_asyncio.fixture(params=STUBS)
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StubNode]:
    async with STUBS[request.param](tmp_path).running() as stub:
        yield stub


class TestBackends(BackendContract):
    pass


async def test_a_node_is_not_told_which_program_asks(rig: StubNode) -> None:
    async with opened(rig.section) as backend:
        reference, invoice = await make(backend)
        await look(backend, reference, invoice)
    assert len(rig.heard) >= 2
    heard = "\n".join(head for head, _ in rig.heard).lower()
    assert [word for word in ("user-agent", "python", "aiohttp", "ringrelay") if word in heard] == []
