"""Two LND nodes over btcd in simnet, with a channel from the one that pays to the relay's. `make test-lnd` builds them."""

import asyncio
import base64
import os
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from relay.pricing.settings import LightningSection
from tests.support.processes import REPOSITORY, find_free_port
from tests.support.program import Program
from tests.support.rest import RestError, call
from tests.support.time_factor import scaled
from tests.support.waiting import until

BINARIES = REPOSITORY / ".cache" / "lnd"
_READY_S = scaled(60.0)
# What the relay needs; invoice.macaroon, which LND makes itself, can also make addresses.
_INVOICES_ONLY = ("invoices:read", "invoices:write")
_CHANNEL_SAT = 16_000_000
# Segwit is active from block 300 of simnet on, and what is mined can be spent 100 blocks later.
_FIRST_BLOCKS = 420
_CONFIRMATIONS = 6
_PROBE_SAT = 1_000


def check_binaries() -> None:
    """Skip a test, or a file of tests, where the nodes were not asked for, or not built."""
    if os.environ.get("RELAY_TEST_LND") != "1" or not (BINARIES / "lnd").is_file():
        pytest.skip("LND is not tested: `make test-lnd` builds it with Go, and tests it", allow_module_level=True)


class Btcd:
    """Run a Bitcoin node that has no peers, on a chain of its own, and mine."""

    def __init__(self, directory: Path) -> None:
        self.address = f"127.0.0.1:{find_free_port()}"
        self.certificate = directory / "rpc.cert"
        self.user, self.password = secrets.token_hex(16), secrets.token_hex(16)
        self._configuration = directory / "btcd.conf"
        self._program = Program(directory, BINARIES / "btcd", "--configfile=btcd.conf")

    async def start(self, mining_address: str = "") -> None:
        lines = ["[Application Options]", "simnet=1", "nolisten=1", "nodnsseed=1", "datadir=data", "logdir=logs"]
        lines += [f"rpclisten={self.address}", f"rpcuser={self.user}", f"rpcpass={self.password}"]
        lines += [f"rpccert={self.certificate}", "rpckey=rpc.key", "txindex=1"]
        lines += [f"miningaddr={mining_address}"] if mining_address else []
        self._configuration.write_text("\n".join(lines) + "\n", "utf-8")

        async def is_ready() -> bool:
            await self._ask("getblockcount")
            return True

        await self._program.start(is_ready, _READY_S)

    async def stop(self) -> None:
        await self._program.stop()

    async def mine(self, blocks: int) -> None:
        await self._ask("generate", blocks)

    async def _ask(self, method: str, *parameters: Any) -> Any:
        credentials = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return await call(
            "POST",
            f"https://{self.address}",
            {"jsonrpc": "1.0", "id": 1, "method": method, "params": parameters},
            headers={"Authorization": f"Basic {credentials}"},
            certificate=self.certificate,
        )


class Lnd:
    """Run an LND node whose wallet is made without being asked for, and is backed up nowhere."""

    def __init__(self, directory: Path, btcd: Btcd) -> None:
        self.url = f"https://127.0.0.1:{find_free_port()}"
        self.peer_address = f"127.0.0.1:{find_free_port()}"
        self.certificate = directory / "tls.cert"
        self._program = Program(directory, BINARIES / "lnd", "--configfile=lnd.conf")
        self._admin_macaroon = directory / "data" / "chain" / "bitcoin" / "simnet" / "admin.macaroon"
        lines = ["[Application Options]", f"lnddir={directory}", f"listen={self.peer_address}", "noseedbackup=1"]
        lines += [f"restlisten={self.url.removeprefix('https://')}", f"rpclisten=127.0.0.1:{find_free_port()}"]
        # Nothing of this machine in its certificate, and no search for other nodes.
        lines += ["tlsdisableautofill=1", "nobootstrap=1", "maxbackoff=1s"]
        lines += ["[Bitcoin]", "bitcoin.simnet=1", "bitcoin.node=btcd"]
        lines += ["[btcd]", f"btcd.rpchost={btcd.address}", f"btcd.rpccert={btcd.certificate}"]
        lines += [f"btcd.rpcuser={btcd.user}", f"btcd.rpcpass={btcd.password}"]
        (directory / "lnd.conf").write_text("\n".join(lines) + "\n", "utf-8")

    async def start(self) -> None:
        """Start it, and wait until it answers; its chain need not be up to date for that."""

        async def is_ready() -> bool:
            try:
                await self.ask("GET", "/v1/getinfo")
            except RestError:
                return False
            return True

        await self._program.start(is_ready, _READY_S)

    async def stop(self) -> None:
        await self._program.stop()

    def read_files(self) -> bytes:
        return self._program.read_files()

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask with all rights. Raises RestError where the node refuses, OSError where it does not listen."""
        headers = {"Grpc-Metadata-macaroon": self._admin_macaroon.read_bytes().hex()}
        return await call(method, f"{self.url}{path}", body, headers=headers, certificate=self.certificate)

    async def bake(self, *permissions: str) -> str:
        """Return a macaroon, as hex, that allows this only; permissions are written as `invoices:read`."""
        asked = [dict(zip(("entity", "action"), permission.split(":"), strict=True)) for permission in permissions]
        macaroon: str = (await self.ask("POST", "/v1/macaroon", {"permissions": asked}))["macaroon"]
        return macaroon

    async def is_active(self) -> bool:
        """Answer whether all of it has started, for which its chain must be up to date."""
        return bool((await self.ask("GET", "/v1/state"))["state"] == "SERVER_ACTIVE")

    async def has_route(self, key: str) -> bool:
        """Answer whether it could pay a node now; that a channel is active is not enough for that."""
        try:
            return bool((await self.ask("GET", f"/v1/graph/routes/{key}/{_PROBE_SAT}"))["routes"])
        except RestError:
            return False

    async def get_key(self) -> str:
        key: str = (await self.ask("GET", "/v1/getinfo"))["identity_pubkey"]
        return key


class LndRig:
    """Run the relay's node and one that pays it."""

    cancels = keeps_cancelled = remembers = streams = replays = tells_overpayment = True
    section: LightningSection
    wrong_secret: str

    def __init__(self, directory: Path) -> None:
        check_binaries()
        self._btcd = Btcd(directory / "btcd")
        self._node = Lnd(directory / "relay", self._btcd)
        self._payer = Lnd(directory / "payer", self._btcd)

    async def set_up(self) -> None:
        """Start all for the first time, and open a channel."""
        await self._btcd.start()
        await asyncio.gather(self._node.start(), self._payer.start())
        address = (await self._payer.ask("GET", "/v1/newaddress"))["address"]
        # btcd learns at its start only for whom it mines.
        await self._btcd.stop()
        await self._btcd.start(address)
        await self._btcd.mine(_FIRST_BLOCKS)
        await self._until(self._payer.is_active, self._node.is_active)
        self.section = LightningSection(
            backend="lnd",
            network="simnet",
            url=self._node.url,
            secret=SecretStr(await self._node.bake(*_INVOICES_ONLY)),
            certificate_file=self._node.certificate,
        )
        self.wrong_secret = await self._payer.bake(*_INVOICES_ONLY)
        key = await self._node.get_key()
        await self._payer.ask("POST", "/v1/peers", {"addr": {"pubkey": key, "host": self._node.peer_address}})
        await self._payer.ask(
            "POST", "/v1/channels", {"node_pubkey_string": key, "local_funding_amount": str(_CHANNEL_SAT)}
        )
        await self._btcd.mine(_CONFIRMATIONS)
        await self._until_payable()

    async def close(self) -> None:
        await asyncio.gather(self._node.stop(), self._payer.stop())
        await self._btcd.stop()

    async def start(self) -> None:
        """Start the relay's node again, where it was, with all that it knew, and wait until it can be paid."""
        await self._node.start()
        await self._until_payable()

    async def stop(self) -> None:
        await self._node.stop()

    async def pay(self, bolt11: str, more_msat: int = 0) -> None:
        """Pay an invoice, or more than it asks for. Raises RestError or AssertionError where that fails."""
        payment = {"payment_request": bolt11} if not more_msat else await self._ask_for_more(bolt11, more_msat)
        payment |= {"timeout_seconds": 20, "fee_limit_sat": "0", "no_inflight_updates": True}
        told = await self._payer.ask("POST", "/v2/router/send", payment)
        assert told["result"]["status"] == "SUCCEEDED", told["result"]["failure_reason"]

    def read_files(self) -> bytes:
        """Return all that the relay's node wrote down."""
        return self._node.read_files()

    async def _ask_for_more(self, bolt11: str, more_msat: int) -> dict[str, Any]:
        """Return a payment of more than an invoice asks for: LND makes one only of an invoice's parts."""
        asked = await self._payer.ask("GET", f"/v1/payreq/{bolt11}")
        return {
            "dest": base64.b64encode(bytes.fromhex(asked["destination"])).decode(),
            "dest_features": [int(bit) for bit in asked["features"]],
            "payment_hash": base64.b64encode(bytes.fromhex(asked["payment_hash"])).decode(),
            "payment_addr": asked["payment_addr"],
            "amt_msat": str(int(asked["num_msat"]) + more_msat),
            "final_cltv_delta": int(asked["cltv_expiry"]),
        }

    async def _until_payable(self) -> None:
        await self._until(self._node.is_active)
        key = await self._node.get_key()
        await self._until(lambda: self._payer.has_route(key))

    @staticmethod
    async def _until(*conditions: Callable[[], Awaitable[bool]]) -> None:
        for condition in conditions:
            await until(condition, _READY_S)
