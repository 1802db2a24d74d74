"""LNbits 1.6.2: whole sats in, millisatoshi out, and errors as FastAPI writes them."""

import secrets
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.support.lightning_stubs.node import Made, StubNode


class LnbitsStub(StubNode):
    """Be LNbits with one wallet, known by its invoice key."""

    backend = "lnbits"
    tells_overpayment = False

    def __init__(self, directory: Path) -> None:
        del directory
        super().__init__(secrets.token_hex(16), secrets.token_hex(16))
        # Versions that do not say have none.
        self.wallet_id: str | None = secrets.token_hex(16)
        # Older versions drop them, and answer a search for one with all payments.
        self.knows_external_ids = True
        # What else the wallet lists as paid, in front.
        self.others: list[dict[str, Any]] = []
        # A wallet that pays its own invoice sees what it sent.
        self.tells_outgoing = False

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/v1/wallet", self._wallet),
            web.get("/api/v1/payments", self._list),
            web.post("/api/v1/payments", self._create),
            web.get("/api/v1/payments/{payment_hash}", self._look_up),
        ]

    async def _wallet(self, request: web.Request) -> web.Response:
        return self._check(request) or web.json_response({"name": "relay", "balance": 0})

    async def _list(self, request: web.Request) -> web.Response:
        if (refusal := self._check(request)) is not None:
            return refusal
        query = request.query
        start, limit = int(query.get("offset", "0")), int(query["limit"])
        # What failed is not listed; what was made last comes first.
        found = [made for made in reversed([*self.made, *self.probes]) if not made.is_gone]
        if "external_id" in query and self.knows_external_ids:
            found = [made for made in found if made.label == query["external_id"]]
        if query.get("status") == "success":
            found = [made for made in found if made.is_paid]
        if (query.get("sortby"), query.get("direction")) == ("updated_at", "desc"):
            found.sort(key=lambda made: made.index, reverse=True)
        listed = [*(self.others if query.get("status") == "success" else ()), *map(self._describe, found)]
        return web.json_response(listed[start : start + limit])

    async def _create(self, request: web.Request) -> web.Response:
        if (refusal := self._check(request)) is not None:
            return refusal
        asked = await request.json()
        self.requests.append((request.method, request.path, asked))
        if asked["out"] is not False or asked["unit"] != "sat":
            return _fail(403, "Invoice (or Admin) key required.")
        made = self.make(asked["external_id"], int(asked["amount"]) * 1_000, asked["memo"], asked["expiry"])
        return web.json_response(self._describe(made), status=201)

    async def _look_up(self, request: web.Request) -> web.Response:
        # Whoever asks is answered: with the wallet's key, with another one, with none.
        is_ours = request.headers.get("X-Api-Key") == self.secret
        made = self.find(request.match_info["payment_hash"])
        if made is None:
            return _fail(404, "Payment does not exist.")
        answer: dict[str, Any] = {"paid": made.is_paid}
        if made.is_paid:
            answer["preimage"] = made.preimage.hex()
        if is_ours:
            described = self._describe(made)
            answer |= {"status": described["status"], "details": described}
        return web.json_response(answer)

    def _check(self, request: web.Request) -> web.Response | None:
        key = request.headers.get("X-Api-Key")
        if key is None:
            return _fail(401, "No Api Key provided.")
        return None if key == self.secret else _fail(404, "Wallet not found.")

    def _describe(self, made: Made) -> dict[str, Any]:
        return {
            "checking_id": made.payment_hash.hex(),
            "payment_hash": made.payment_hash.hex(),
            "wallet_id": self.wallet_id,
            "amount": -made.amount_msat if made.is_paid and self.tells_outgoing else made.amount_msat,
            "fee": 0,
            "bolt11": made.bolt11,
            "payment_request": made.bolt11,
            "status": "success" if made.is_paid else "failed" if made.is_gone else "pending",
            "memo": made.memo,
            "expiry": "2026-11-22T12:00:00+00:00",
            "preimage": made.preimage.hex() if made.is_paid else None,
            "extra": {},
            "labels": [],
            "external_id": made.label if self.knows_external_ids else None,
        }


def _fail(status: int, detail: str) -> web.Response:
    return web.json_response({"detail": detail}, status=status)
