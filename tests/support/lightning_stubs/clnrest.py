"""Core Lightning's plugin clnrest: status 201, and an error code in the body of a status 500 (version 25)."""

import asyncio
import secrets
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.support.lightning_stubs.node import Made, StubNode


class ClnrestStub(StubNode):
    """Be clnrest, on plain HTTP unless it is given a certificate."""

    backend = "clnrest"
    cancels = True
    keeps_cancelled = False
    replays = True

    def __init__(self, directory: Path, tls: ssl.SSLContext | None = None) -> None:
        del directory
        super().__init__(f"{secrets.token_urlsafe(48)}=", f"{secrets.token_urlsafe(48)}=")
        self._tls = tls
        self.warnings = {"warning_capacity": "Insufficient incoming channel capacity to pay invoice"}

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/v1/{command}", self._call)]

    async def _call(self, request: web.Request) -> web.Response:
        rune = request.headers.get("Rune")
        if rune is None:
            return _fail(1501, "Not authorized: Missing rune", 403)
        if rune != self.secret:
            return _fail(1502, "Not permitted: Not derived from master", 401)
        commands: dict[str, Callable[..., Awaitable[web.Response]]] = {
            "invoice": self._invoice,
            "listinvoices": self._list,
            "delinvoice": self._delete,
            "waitanyinvoice": self._wait,
        }
        parameters = await request.json()
        self.requests.append((request.method, request.path, parameters))
        return await commands[request.match_info["command"]](**parameters)

    async def _invoice(self, amount_msat: int, label: str, description: str, expiry: int) -> web.Response:
        if any(made.label == label for made in [*self.made, *self.probes]):
            return _fail(900, f"Duplicate label '{label}'")
        made = self.make(label, amount_msat, description, expiry)
        return web.json_response(
            {
                "payment_hash": made.payment_hash.hex(),
                "expires_at": int(made.expires_at),
                "bolt11": made.bolt11,
                "payment_secret": secrets.token_hex(32),
                "created_index": len(self.made),
                **self.warnings,
            },
            status=201,
        )

    async def _list(self, label: str | None = None, payment_hash: str | None = None) -> web.Response:
        every = [*self.made, *self.probes]
        found = [made for made in every if made.label == label or made.payment_hash.hex() == payment_hash]
        return web.json_response({"invoices": [_describe(made) for made in found]}, status=201)

    async def _delete(self, label: str, status: str) -> web.Response:
        found = [made for made in [*self.made, *self.probes] if made.label == label]
        if not found:
            return _fail(905, "Unknown invoice")
        described = _describe(found[0])
        if described["status"] != status:
            data = {"current_status": described["status"], "expected_status": status}
            return _fail(906, f"Invoice status is {described['status']} not {status}", data=data)
        found[0].cancelled = True
        (self.made if found[0] in self.made else self.probes).remove(found[0])
        return web.json_response(described, status=201)

    async def _wait(self, lastpay_index: int, timeout: int) -> web.Response:  # noqa: ASYNC109 - its name at the node
        try:
            async with asyncio.timeout(timeout):
                with self.listening() as events:
                    while not (paid := self.paid_after(lastpay_index)):
                        await events.get()
        except TimeoutError:
            return _fail(904, "Timed out while waiting for invoice to be paid")
        return web.json_response(_describe(paid[0]), status=201)


def _describe(made: Made) -> dict[str, Any]:
    described: dict[str, Any] = {
        "label": made.label,
        "bolt11": made.bolt11,
        "payment_hash": made.payment_hash.hex(),
        "amount_msat": made.amount_msat,
        "status": "paid" if made.is_paid else "expired" if made.is_gone else "unpaid",
        "description": made.memo,
        "expires_at": int(made.expires_at),
        "created_index": 1,
    }
    if made.is_paid:
        described |= {
            "pay_index": made.index,
            "amount_received_msat": made.received_msat,
            "paid_at": 1_738_000_000,
            "payment_preimage": made.preimage.hex(),
            "updated_index": made.index,
        }
    return described


def _fail(code: int, message: str, status: int = 500, data: dict[str, Any] | None = None) -> web.Response:
    return web.json_response({"code": code, "message": message, **({"data": data} if data else {})}, status=status)
