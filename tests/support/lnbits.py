"""LNbits on its FakeWallet, with a wallet for the relay and one that pays. `make lnbits` installs it; it calls nobody."""

import asyncio
import secrets
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from relay.pricing.settings import LightningSection
from tests.support.processes import REPOSITORY, find_free_port
from tests.support.program import Program
from tests.support.raw import port_of
from tests.support.rest import call
from tests.support.time_factor import scaled

ENVIRONMENT = REPOSITORY / ".cache" / "lnbits"
NEWEST_PYTHON = (3, 12)
_READY_S = scaled(90.0)
_BALANCE_SAT = 5_000_000
# All that would make it ask others: extension lists every ten minutes, exchange rates every five.
_CALLS_NOBODY = {
    "LNBITS_EXTENSIONS_DEACTIVATE_ALL": "true",
    "LNBITS_EXTENSIONS_MANIFESTS": "",
    "LNBITS_WASM_EXTENSIONS_MANIFESTS": "",
    "LNBITS_PRICE_AGGREGATOR_ENABLED": "false",
    "LNBITS_PRICE_AGGREGATOR_URL": "",
    "LNBITS_EXCHANGE_RATE_PROVIDERS": "",
}


def find_package() -> Path:
    """Return the folder of the installed package. Skips a test, or a file of tests, where it is not installed."""
    if not (ENVIRONMENT / ".installed").is_file():
        if sys.version_info[:2] > NEWEST_PYTHON:
            reason = "LNbits is not tested: it runs on Python up to 3.12 (make lnbits PYTHON=python3.12)"
        else:
            reason = "LNbits is not tested: `make lnbits` installs it"
        pytest.skip(reason, allow_module_level=True)
    (package,) = ENVIRONMENT.glob("lib/python3.*/site-packages/lnbits")
    return package


class LnbitsRig:
    """Run LNbits in a directory, on a port of its own."""

    # An invoice key cannot cancel. Its list of payments has no cursor.
    keeps_cancelled = True
    cancels = replays = tells_overpayment = False
    remembers = streams = True
    section: LightningSection
    wrong_secret = secrets.token_hex(16)

    def __init__(self, directory: Path) -> None:
        package = find_package()
        home, port = directory / "lnbits", find_free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._payer_key = ""
        self._program = Program(
            home,
            # No script of the environment's: their first lines do not survive that its folder moves.
            *(ENVIRONMENT / "bin" / "python", "-P", "-m", "uvicorn", "lnbits.__main__:app"),
            *("--host", "127.0.0.1", "--port", str(port), "--timeout-graceful-shutdown", "5"),
            LNBITS_BACKEND_WALLET_CLASS="FakeWallet",
            LNBITS_DATA_FOLDER=str(home / "data"),
            LNBITS_EXTENSIONS_PATH=str(home / "extensions"),
            # A test asks more often than its 200 requests a minute.
            LNBITS_RATE_LIMIT_NO="1000000",
            ENABLE_LOG_TO_FILE="false",
            **_CALLS_NOBODY,
        )
        # It finds its pages by the working directory.
        (home / "lnbits").symlink_to(package)
        (home / "data").mkdir()

    async def set_up(self) -> None:
        """Start it for the first time, and make both wallets."""
        await self.start()
        password = secrets.token_hex(16)
        installed = await call(
            "PUT",
            f"{self.url}/api/v1/auth/first_install",
            {"username": "super", "password": password, "password_repeat": password},
        )
        administrator = {"Authorization": f"Bearer {installed['access_token']}"}
        relay = await self._make_wallet("relay", administrator)
        self.section = LightningSection(backend="lnbits", url=self.url, secret=SecretStr(relay["inkey"]))
        payer = await self._make_wallet("payer", administrator)
        self._payer_key = payer["adminkey"]
        body = {"id": payer["id"], "amount": _BALANCE_SAT}
        await call("PUT", f"{self.url}/users/api/v1/balance", body, headers=administrator)

    async def start(self) -> None:
        """Start it, where it was, with the data it had."""

        async def is_ready() -> bool:
            # It listens once it is ready; before the first set-up it answers everything with a page.
            _, writer = await asyncio.open_connection("127.0.0.1", port_of(self.url))
            writer.close()
            await writer.wait_closed()
            return True

        await self._program.start(is_ready, _READY_S)

    async def stop(self) -> None:
        """End it. With its start the FakeWallet knows no open invoice any more, and they are gone."""
        await self._program.stop()

    async def pay(self, bolt11: str, more_msat: int = 0) -> None:
        """Pay an invoice from the payer's wallet, as it is. Raises RestError where LNbits refuses."""
        assert not more_msat, "LNbits pays what an invoice asks for"
        await call(
            "POST",
            f"{self.url}/api/v1/payments",
            {"out": True, "bolt11": bolt11},
            headers={"X-Api-Key": self._payer_key},
        )

    def read_files(self) -> bytes:
        """Return all that it wrote down."""
        return self._program.read_files()

    async def _make_wallet(self, name: str, administrator: dict[str, str]) -> dict[str, Any]:
        """Return a new wallet of a new account."""
        accounts = f"{self.url}/users/api/v1/user"
        account = await call("POST", accounts, {"username": name}, headers=administrator)
        wallet: dict[str, Any] = await call(
            "POST", f"{accounts}/{account['id']}/wallet", {"name": name}, headers=administrator
        )
        # It would ask for the rate of a wallet's currency with each payment; a new one's is USD.
        await call("PATCH", f"{self.url}/api/v1/wallet", {"currency": ""}, headers={"X-Api-Key": wallet["adminkey"]})
        return wallet
