"""Notes that are paid for as at real nodes, where none may be installed: against a stub that answers as LND does."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.support.lightning_stubs import LndStub
from tests.support.paid_notes import PaidNotes


class TestPaidAtStub(PaidNotes):
    # It writes nothing down; what it is asked is read by tests/adversity/test_privacy_payments.py.
    test_node_writes_down_nothing_of_the_note = None  # type: ignore[assignment]

    @pytest_asyncio.fixture
    async def rig(self, tmp_path: Path) -> AsyncIterator[LndStub]:
        node = LndStub(tmp_path)
        await node.start()
        yield node
        await node.stop()
