"""Every Lightning backend against a stub of its node: the common suite, and how a node can misbehave."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.backend_contract import BackendContract
from tests.support.lightning_stubs import STUBS
from tests.support.lightning_stubs.node import StubNode


@pytest_asyncio.fixture(params=STUBS)
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StubNode]:
    async with STUBS[request.param](tmp_path).running() as stub:
        yield stub


class TestBackends(BackendContract):
    pass
