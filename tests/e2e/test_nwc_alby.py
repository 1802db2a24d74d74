"""The wallet backend against Alby's wallet service, which nobody here wrote, over a relay of ours; and notes that are sold so.

Only the wallet behind the service is pretended: encryption, signatures, requests, replies and subscriptions are the SDK's.
"""

import secrets
import traceback
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
import pytest_asyncio
from pydantic import SecretStr

from relay.pricing.lightning.backend import BackendError
from relay.pricing.lightning.http import TIMED_OUT
from relay.pricing.settings import read_secret
from tests.support import npm
from tests.support.alby_wallet import FOLDER, AlbyWallet
from tests.support.backend_contract import BackendContract, opened, pay_until_told
from tests.support.paid_notes import PaidNotes
from tests.support.postgres_servers import PostgresServer


@pytest.fixture(scope="module")
def node() -> str:
    """Install Alby's SDK where that was not done yet, and give the path of Node; skip where either cannot be had."""
    return npm.install(FOLDER, "Alby's wallet service is not tested")


@pytest_asyncio.fixture
async def rig(node: str, postgres_server18: PostgresServer) -> AsyncIterator[AlbyWallet]:
    async with postgres_server18.database() as arguments, AlbyWallet(node, arguments).running() as wallet:
        yield wallet


class TestAlbyWallet(BackendContract):
    async def test_wrong_secret_is_refused_and_named_nowhere(self, rig: AlbyWallet) -> None:  # type: ignore[override]
        """The service does not hear strangers, so it cannot tell them either."""
        section = rig.section.model_copy(update={"secret": SecretStr(rig.wrong_secret), "timeout_s": 1.0})
        async with opened(section) as backend:
            with pytest.raises(BackendError) as caught:
                await backend.look_up_payment(secrets.token_bytes(32), secrets.token_bytes(32))
        assert str(caught.value) == TIMED_OUT
        texts = "".join(traceback.format_exception(caught.value)) + repr(backend) + repr(section)
        assert rig.wrong_secret not in texts
        assert read_secret(rig.section) not in texts


class TestPaidAtAlbyWallet(PaidNotes):
    # The wallet is pretended, and writes nothing down.
    test_node_writes_down_nothing_of_the_note = None  # type: ignore[assignment]


async def test_wallet_of_the_older_encryption_is_asked_and_heard(node: str, postgres_server18: PostgresServer) -> None:
    async with (
        postgres_server18.database() as arguments,
        AlbyWallet(node, arguments, "nip04").running() as wallet,
        opened(wallet.section) as backend,
        aclosing(backend.stream_settlements("")) as stream,
    ):
        await pay_until_told(wallet, backend, stream)
