"""A wallet behind Alby's wallet service, under Node, at a relay of ours where the backend meets it. Its invoices are pretended."""

import asyncio
import json
import os
import secrets
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from coincurve import PublicKeyXOnly
from pydantic import SecretStr

from relay.pricing.settings import LightningSection
from tests.support.lightning_stubs.node import Made, StubNode
from tests.support.lightning_stubs.nwc import describe, fail
from tests.support.relays import relay_on
from tests.support.time_factor import scaled

FOLDER = Path(__file__).parents[1] / "e2e" / "alby_sdk"
# An info event, requests, replies and both kinds of notification (NIP-47).
KINDS = [0, 5, 10002, 13194, 23194, 23195, 23196, 23197]
_BOUND_S = scaled(20.0)


class AlbyWallet(StubNode):
    """Be a wallet at a relay of ours; `database` is the relay's."""

    backend = "nwc"
    tells_overpayment = False
    remembers = False

    def __init__(self, node: str, database: dict[str, Any], encryption: str = "nip44_v2") -> None:
        super().__init__("", "")
        self._node = node
        self._database = database
        self._encryption = encryption
        self._wallet_key, client_key, stranger_key = (secrets.token_bytes(32) for _ in range(3))
        self._client = PublicKeyXOnly.from_secret(client_key).format().hex()
        self._keys = client_key.hex(), stranger_key.hex()
        self._stack = AsyncExitStack()

    @property
    def section(self) -> LightningSection:
        return LightningSection(
            backend="nwc", network="regtest", timeout_s=self._timeout_s, secret=SecretStr(self.secret)
        )

    def routes(self) -> list[web.RouteDef]:
        return []

    async def start(self) -> None:
        sections: dict[str, Any] = {"accept": {"plain_kinds": KINDS}, "server": {"port": self._port}}
        url = await self._stack.enter_async_context(relay_on(self._database, **sections))
        self._port = int(url.rpartition(":")[2])
        wallet = PublicKeyXOnly.from_secret(self._wallet_key).format().hex()
        self.secret, self.wrong_secret = (
            f"nostr+walletconnect://{wallet}?relay=ws%3A%2F%2F127.0.0.1%3A{self._port}&secret={key}"
            for key in self._keys
        )
        process = await self._stack.enter_async_context(self._run_service(url))
        answering = asyncio.create_task(self._keep_answering(process))
        telling = asyncio.create_task(self._keep_telling(process))
        for task in (answering, telling):
            self._stack.push_async_callback(_end, task)

    async def stop(self) -> None:
        await self._stack.aclose()

    @asynccontextmanager
    async def _run_service(self, url: str) -> AsyncIterator[Process]:
        process = await asyncio.create_subprocess_exec(
            self._node,
            FOLDER / "wallet.mjs",
            url,
            self._wallet_key.hex(),
            self._client,
            self._encryption,
            stdin=PIPE,
            stdout=PIPE,
            env={name: value for name, value in os.environ.items() if name != "NODE_OPTIONS"},
        )
        try:
            async with asyncio.timeout(_BOUND_S):
                assert process.stdout is not None
                assert json.loads(await process.stdout.readline()) == {"ready": True}, "its error is on stderr"
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    async def _keep_answering(self, process: Process) -> None:
        assert process.stdout is not None
        assert process.stdin is not None
        async for line in process.stdout:
            question = json.loads(line)
            self.requests.append(("EVENT", question["method"], question["params"]))
            answer = {"answer": question["ask"], **self._answer(question["method"], question["params"])}
            process.stdin.write(json.dumps(answer).encode() + b"\n")

    async def _keep_telling(self, process: Process) -> None:
        assert process.stdin is not None
        with self.listening() as events:
            while True:
                told = {"notification_type": "payment_received", "notification": describe(await events.get())}
                process.stdin.write(json.dumps({"notify": told}).encode() + b"\n")

    def _answer(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        if method == "get_info":
            return {"result": {"network": "regtest", "methods": ["get_info", "make_invoice", "lookup_invoice"]}}
        found: Made | None
        if method == "make_invoice":
            found = self.make(params["metadata"]["label"], params["amount"], params["description"], params["expiry"])
        else:
            found = self.find(params["payment_hash"])
        return fail("NOT_FOUND") if found is None else {"result": describe(found)}


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait({task})
    # What went wrong in it fails the test.
    if not task.cancelled() and (error := task.exception()) is not None:
        raise error
