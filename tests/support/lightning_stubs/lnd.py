"""LND's REST proxy: base64, integers as strings, and status 500 for nearly every error (grpc-gateway v2 of LND 0.20)."""

import json
import secrets
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.support.lightning_stubs.node import Made, StubNode
from tests.support.tls import make_lnd_tls


class LndStub(StubNode):
    """Be LND, with the certificate that it makes and its macaroon in a file."""

    backend = "lnd"
    cancels = True
    replays = True

    def __init__(self, directory: Path) -> None:
        macaroon = bytes.fromhex("0201036c6e6402f801030a10") + secrets.token_bytes(80)
        super().__init__(macaroon.hex(), (macaroon[:-1] + bytes([macaroon[-1] ^ 1])).hex())
        self._directory = directory
        self._tls = make_lnd_tls(directory)
        (directory / "invoice.macaroon").write_bytes(macaroon)

    def credentials(self) -> dict[str, Any]:
        return {
            "secret_file": self._directory / "invoice.macaroon",
            "certificate_file": self._directory / "tls.cert",
        }

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/invoices", self._add),
            web.get("/v1/invoices/subscribe", self._subscribe),
            web.get("/v1/invoice/{r_hash_str}", self._look_up),
            web.post("/v2/invoices/cancel", self._cancel),
        ]

    async def _add(self, request: web.Request) -> web.Response:
        if (error := self._check(request)) is not None:
            return _fail(error)
        asked = await request.json()
        self.requests.append((request.method, request.path, asked))
        preimage = b64decode(asked["r_preimage"], validate=True)
        amount_msat, expiry_s = int(asked["value_msat"]), int(asked["expiry"])
        if any(made.preimage == preimage for made in [*self.made, *self.probes]):
            return _fail("invoice with payment hash already exists")
        made = self.make("", amount_msat, asked["memo"], expiry_s, preimage)
        self.tell(made)
        return web.json_response(
            {
                "r_hash": _encode(made.payment_hash),
                "payment_request": made.bolt11,
                "add_index": str(len(self.made)),
                "payment_addr": _encode(secrets.token_bytes(32)),
            }
        )

    async def _look_up(self, request: web.Request) -> web.Response:
        if (error := self._check(request)) is not None:
            return _fail(error)
        made = self.find(request.match_info["r_hash_str"])
        if made is None:
            return _fail("unable to locate invoice", 5, 404)
        return web.json_response(_describe(made))

    async def _cancel(self, request: web.Request) -> web.Response:
        if (error := self._check(request)) is not None:
            return _fail(error)
        made = self.find(b64decode((await request.json())["payment_hash"], validate=True))
        if made is None:
            return _fail("unable to locate invoice")
        if made.is_paid:
            return _fail("invoice already settled")
        made.cancelled = True
        return web.json_response({})

    async def _subscribe(self, request: web.Request) -> web.StreamResponse:
        if (error := self._check(request)) is not None:
            return web.json_response({"error": {"code": 2, "message": error, "details": []}}, status=500)
        settle_index, add_index = (int(request.query.get(name, "0")) for name in ("settle_index", "add_index"))
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        with self.listening() as events:
            # Without an index nothing is replayed, and the headers go out with the first message.
            backlog = [
                *(self.made[add_index:] if add_index else []),
                *(self.paid_after(settle_index) if settle_index else []),
            ]
            for made in backlog:
                await _send(response, request, made)
            while True:
                await _send(response, request, await events.get())

    def _check(self, request: web.Request) -> str | None:
        given = request.headers.getall("Grpc-Metadata-Macaroon", [])
        if len(given) != 1:
            return f"expected 1 macaroon, got {len(given)}"
        return None if given == [self.secret] else "verification failed: signature mismatch after caveat verification"


def _describe(made: Made) -> dict[str, Any]:
    """Return an invoice with every field that is not set as well, as LND writes it."""
    state = "SETTLED" if made.is_paid else "CANCELED" if made.is_gone else "OPEN"
    return {
        "memo": made.memo,
        "r_preimage": _encode(made.preimage),
        "r_hash": _encode(made.payment_hash),
        "value": str(made.amount_msat // 1_000),
        "value_msat": str(made.amount_msat),
        "settled": made.is_paid,
        "settle_date": "0",
        "payment_request": made.bolt11,
        "description_hash": "",
        "expiry": "900",
        "route_hints": [],
        "private": True,
        "settle_index": str(made.index),
        "amt_paid": str(made.received_msat),
        "amt_paid_sat": str(made.received_msat // 1_000),
        "amt_paid_msat": str(made.received_msat),
        "state": state,
        "htlcs": [],
        "features": {},
        "is_keysend": False,
        "blinded_path_config": None,
    }


async def _send(response: web.StreamResponse, request: web.Request, made: Made) -> None:
    if not response.prepared:
        await response.prepare(request)
    await response.write(json.dumps({"result": _describe(made)}).encode() + b"\n")


def _encode(raw: bytes) -> str:
    return b64encode(raw).decode()


def _fail(message: str, code: int = 2, status: int = 500) -> web.Response:
    return web.json_response({"code": code, "message": message, "details": []}, status=status)
