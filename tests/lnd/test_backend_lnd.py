"""The suite of the Lightning backends against LND itself. `make test-lnd` builds it and runs this."""

import asyncio

import pytest

from relay.pricing.lightning.backend import BackendError
from relay.pricing.lightning.http import UNREACHABLE
from relay.pricing.lightning.lnd import NOT_READY
from tests.support.backend_contract import BackendContract, look, make, opened
from tests.support.lnd import LndRig, check_binaries
from tests.support.time_factor import scaled
from tests.support.waiting import until

START_S = scaled(120.0)

# Where they are not built, one line says so.
check_binaries()


class TestLnd(BackendContract):
    @pytest.fixture
    def rig(self, lnd: LndRig) -> LndRig:
        return lnd

    async def test_node_that_starts_says_so(self, rig: LndRig) -> None:
        async with opened(rig.section) as backend:
            reference, invoice = await make(backend)
            await rig.stop()
            starting = asyncio.ensure_future(rig.start())
            texts = set()

            async def has_started() -> bool:
                try:
                    await look(backend, reference, invoice)
                except BackendError as error:
                    texts.add(str(error))
                return starting.done()

            await until(has_started, START_S)
            await starting
        assert texts == {UNREACHABLE, NOT_READY}
