"""phoenixd 0.8: forms in, errors in plain text, and a WebSocket that tells of each payment once."""

import asyncio
import json
import secrets
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from tests.support.lightning_stubs.node import Made, StubNode


class PhoenixdStub(StubNode):
    """Be phoenixd."""

    backend = "phoenixd"

    def __init__(self, directory: Path) -> None:
        del directory
        super().__init__(secrets.token_hex(32), secrets.token_hex(32))
        # What it kept of a payment to open a channel, in sats, of which it tells apart.
        self.fee_sat = 0
        self.answers_pings = True

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/getinfo", self._get_info),
            web.get("/payments/incoming", self._list),
            web.get("/payments/incoming/{payment_hash}", self._look_up),
            web.post("/createinvoice", self._create),
            web.get("/websocket", self._tell),
        ]

    async def _get_info(self, request: web.Request) -> web.Response:
        info = {"nodeId": self.node_id, "channels": [], "chain": "regtest", "version": "0.8.0"}
        return self._check(request) or web.json_response(info)

    async def _list(self, request: web.Request) -> web.Response:
        if (refusal := self._check(request)) is not None:
            return refusal
        everything, wanted = request.query.get("all") == "true", request.query.get("externalId")
        found = [made for made in reversed(self.made) if wanted in (None, made.label) and (everything or made.is_paid)]
        return web.json_response([self._describe(made) for made in found[:20]])

    async def _look_up(self, request: web.Request) -> web.Response:
        if (refusal := self._check(request)) is not None:
            return refusal
        made = self.find(request.match_info["payment_hash"])
        return web.Response(text="Not found", status=404) if made is None else web.json_response(self._describe(made))

    async def _create(self, request: web.Request) -> web.Response:
        if (refusal := self._check(request)) is not None:
            return refusal
        assert request.content_type == "application/x-www-form-urlencoded"
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.requests.append((request.method, request.path, form))
        if len(form["description"]) > 128:
            return web.Response(text="Request parameter description is too long (max 128 characters)", status=400)
        made = self.make(
            form["externalId"], int(form["amountSat"]) * 1_000, form["description"], int(form["expirySeconds"])
        )
        return web.json_response(
            {
                "amountSat": made.amount_msat // 1_000,
                "paymentHash": made.payment_hash.hex(),
                "serialized": made.bolt11,
            }
        )

    async def _tell(self, request: web.Request) -> web.StreamResponse:
        if (refusal := self._check(request)) is not None:
            return refusal
        socket = web.WebSocketResponse(autoping=self.answers_pings)
        await socket.prepare(request)
        telling = asyncio.create_task(self._send_payments(socket))
        try:
            async for _ in socket:
                pass
        finally:
            telling.cancel()
        return socket

    async def _send_payments(self, socket: web.WebSocketResponse) -> None:
        with self.listening() as events:
            while True:
                made = await events.get()
                event = {
                    "type": "payment_received",
                    "amountSat": made.received_msat // 1_000,
                    "paymentHash": made.payment_hash.hex(),
                    "externalId": made.label,
                    "timestamp": 1_738_000_000_000,
                }
                await socket.send_str(json.dumps(event, indent=4))

    def _check(self, request: web.Request) -> web.Response | None:
        given = request.headers.get("Authorization", "")
        if given == aiohttp.encode_basic_auth("", self.secret):
            return None
        return web.Response(text="Invalid authentication (use basic auth with the http password)", status=401)

    def _describe(self, made: Made) -> dict[str, Any]:
        """Return a payment without the fields that are null, as phoenixd writes it."""
        fee_sat = self.fee_sat if made.is_paid else 0
        return {
            "type": "incoming_payment",
            "subType": "lightning",
            "paymentHash": made.payment_hash.hex(),
            "preimage": made.preimage.hex(),
            "externalId": made.label,
            "description": made.memo,
            "invoice": made.bolt11,
            "isPaid": made.is_paid,
            "isExpired": made.is_gone,
            "requestedSat": made.amount_msat // 1_000,
            "receivedSat": made.received_msat // 1_000 - fee_sat,
            "fees": fee_sat * 1_000,
            "createdAt": 1_738_000_000_000,
            **({"completedAt": 1_738_000_000_000} if made.is_paid else {}),
        }
