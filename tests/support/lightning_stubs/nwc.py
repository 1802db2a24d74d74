"""A wallet service and its relay in one, as 47.md of the NIPs describes them; nostr-sdk encrypts and signs for it."""

import asyncio
import json
import secrets
import time
from pathlib import Path
from typing import Any

from aiohttp import web
from nostr_sdk import (
    Event,
    EventBuilder,
    Keys,
    Kind,
    Nip44Version,
    PublicKey,
    Tag,
    nip04_decrypt,
    nip04_encrypt,
    nip44_decrypt,
    nip44_encrypt,
)
from pydantic import SecretStr

from relay.pricing.settings import LightningSection
from tests.support.lightning_stubs.node import Made, StubNode

METHODS: tuple[str, ...] = ("get_info", "make_invoice", "lookup_invoice", "pay_invoice")


class NwcStub(StubNode):
    """Be a wallet with one connection, and the relay that both meet at, on plain WebSocket."""

    backend = "nwc"
    tells_overpayment = False
    remembers = False

    def __init__(self, directory: Path) -> None:
        del directory
        self.wallet = Keys.generate()
        self.client, self.stranger = Keys.generate(), Keys.generate()
        super().__init__("", "")
        # What the wallet says of itself. Without an encryption it is an older one, which knows NIP-04 only.
        self.encryption: str | None = "nip44_v2 nip04"
        self.notifications = "payment_received payment_sent"
        self.methods: tuple[str, ...] = METHODS
        self.extra_info_events: list[Any] = []
        self.info: dict[str, Any] = {"network": "regtest", "pubkey": "02" * 33, "alias": "stub"}
        self.introduces_itself = True
        # What the relay's EOSE says besides (NIP-67).
        self.eose_hints: list[list[str]] = []
        # The error of every request of a method, and what a look-up answers besides, or without.
        self.errors: dict[str, str] = {}
        self.change_answer: Any = None
        # What is sent to the client before a reply to it, and what the relay says of a request.
        self.send_before: Any = None
        self.refuses_events = ""
        self.answers = True
        self.events: list[dict[str, Any]] = []
        self.visits = self.most_subscriptions = 0
        self.delay_s = 0.0
        # What was wrong with a request.
        self.failures: list[BaseException] = []
        # The subscriptions of each connection.
        self.open: dict[web.WebSocketResponse, dict[str, dict[str, Any]]] = {}

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/", self._connect)]

    async def start(self) -> None:
        await super().start()
        # The strings hold the port, which is known now.
        self.secret, self.wrong_secret = self.make_string(self.client), self.make_string(self.stranger)

    async def stop(self) -> None:
        await super().stop()
        assert self.failures == []

    @property
    def section(self) -> LightningSection:
        return LightningSection(
            backend="nwc", network="regtest", timeout_s=self._timeout_s, secret=SecretStr(self.secret)
        )

    def section_at(self, url: str) -> LightningSection:
        secret = SecretStr(self.make_string(self.client, url.replace("http", "ws", 1)))
        return self.section.model_copy(update={"secret": secret})

    def make_string(self, client: Keys, *relays: str) -> str:
        asked = "&".join(f"relay={relay.replace(':', '%3A').replace('/', '%2F')}" for relay in relays or [self.url])
        wallet, secret = self.wallet.public_key().to_hex(), client.secret_key().to_hex()
        return f"nostr+walletconnect://{wallet}?{asked}&secret={secret}&lud16=me%40wallet.example"

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._port}"

    async def _connect(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.visits += 1
        subscriptions = self.open[socket] = {}
        taking: set[asyncio.Task[None]] = set()
        telling = asyncio.create_task(self._send_payments(socket, subscriptions))
        try:
            async for message in socket:
                self.heard.append(("", message.data.encode()))
                match json.loads(message.data):
                    case ["REQ", name, filter_]:
                        subscriptions[name] = filter_
                        self.most_subscriptions = max(self.most_subscriptions, len(subscriptions))
                        if 13194 in filter_["kinds"]:
                            for info in [
                                *self.extra_info_events,
                                *([self.make_info()] if self.introduces_itself else []),
                            ]:
                                await socket.send_str(json.dumps(["EVENT", name, info]))
                        await socket.send_str(json.dumps(["EOSE", name, *self.eose_hints]))
                    case ["CLOSE", name]:
                        del subscriptions[name]
                    case ["EVENT", event]:
                        taking.add(asyncio.create_task(self._take(socket, subscriptions, event)))
        finally:
            for task in (telling, *taking):
                task.cancel()
            failures = [done for done in await asyncio.gather(*taking, return_exceptions=True) if done]
            self.failures += [failure for failure in failures if isinstance(failure, AssertionError)]
            del self.open[socket]
        return socket

    async def _take(self, socket: web.WebSocketResponse, subscriptions: dict[str, Any], event: dict[str, Any]) -> None:
        self.events.append(event)
        said = ["OK", event["id"], not self.refuses_events, self.refuses_events]
        await socket.send_str(json.dumps(said))
        if self.refuses_events or not self.answers:
            return
        await asyncio.sleep(self.delay_s)
        assert Event.from_json(json.dumps(event)).verify()
        tags = {tag[0]: tag[1] for tag in event["tags"]}
        assert event["kind"] == 23194
        assert tags["p"] == self.wallet.public_key().to_hex()
        assert int(tags["expiration"]) > time.time()
        request = json.loads(self.decrypt(event, tags["encryption"]))
        self.requests.append(("EVENT", request["method"], request["params"]))
        reply = {"result_type": request["method"], **self._answer(event["pubkey"], **request)}
        if self.send_before is not None:
            await self.send_before(socket, subscriptions, event)
        await self.send(socket, subscriptions, self.make_reply(event, json.dumps(reply), tags["encryption"]))

    def _answer(self, pubkey: str, method: str, params: dict[str, Any]) -> dict[str, Any]:
        if pubkey != self.client.public_key().to_hex():
            return fail("UNAUTHORIZED")
        if method in self.errors:
            return fail(self.errors[method])
        if method not in self.methods:
            return fail("NOT_IMPLEMENTED")
        if method == "get_info":
            answer = {**self.info, "methods": self.methods, "notifications": self.notifications.split()}
        elif method == "make_invoice":
            label = params["metadata"]["label"]
            answer = describe(self.make(label, params["amount"], params["description"], params["expiry"]))
        else:
            made = self.find(params["payment_hash"])
            if made is None:
                return fail("NOT_FOUND")
            answer = describe(made)
        return {"error": None, "result": self.change_answer(answer) if self.change_answer else answer}

    async def _send_payments(self, socket: web.WebSocketResponse, subscriptions: dict[str, Any]) -> None:
        with self.listening() as events:
            while True:
                made = await events.get()
                for kind, encryption in ((23196, "nip04"), (23197, "nip44_v2")):
                    if encryption in (self.encryption or "nip04"):
                        text = json.dumps({"notification_type": "payment_received", "notification": describe(made)})
                        await self.send(socket, subscriptions, self.make_notification(kind, text, encryption))

    async def send(self, socket: web.WebSocketResponse, subscriptions: dict[str, Any], event: dict[str, Any]) -> None:
        """Deliver an event to the subscriptions that it matches, and to those only."""
        for name, filter_ in list(subscriptions.items()):
            values = {value for tag in event["tags"] if tag[0] in "ep" for value in tag[1:2]}
            asked = [value for letter in "ep" for value in filter_.get(f"#{letter}", [])]
            if event["kind"] in filter_["kinds"] and (not asked or values.intersection(asked)):
                await socket.send_str(json.dumps(["EVENT", name, event]))

    async def say(self, *events: dict[str, Any]) -> None:
        """Deliver events to every subscription whose kinds they are of, whatever else it asks for."""
        for socket, subscriptions in list(self.open.items()):
            for name, filter_ in list(subscriptions.items()):
                for event in events:
                    if event["kind"] in filter_["kinds"]:
                        await socket.send_str(json.dumps(["EVENT", name, event]))

    def make_reply(self, request: dict[str, Any], text: str, encryption: str = "nip44_v2", **changes: Any) -> Any:
        """Return a signed reply to a request, by the wallet unless `keys` says otherwise."""
        keys, kind = changes.get("keys", self.wallet), changes.get("kind", 23195)
        tags = [["p", request["pubkey"]], ["e", changes.get("e", request["id"])]]
        return self._sign(keys, kind, tags, self.encrypt(request["pubkey"], text, encryption))

    def make_notification(self, kind: int, text: str, encryption: str, keys: Keys | None = None) -> Any:
        """Return a signed notification for the client."""
        pubkey = self.client.public_key().to_hex()
        return self._sign(keys or self.wallet, kind, [["p", pubkey]], self.encrypt(pubkey, text, encryption))

    def encrypt(self, pubkey: str, text: str, encryption: str) -> str:
        secret, other = self.wallet.secret_key(), PublicKey.parse(pubkey)
        old = encryption == "nip04"
        return str(nip04_encrypt(secret, other, text) if old else nip44_encrypt(secret, other, text, Nip44Version.V2))

    def decrypt(self, event: dict[str, Any], encryption: str) -> str:
        decrypt = nip04_decrypt if encryption == "nip04" else nip44_decrypt
        return str(decrypt(self.wallet.secret_key(), PublicKey.parse(event["pubkey"]), event["content"]))

    def make_info(self, keys: Keys | None = None) -> Any:
        tags = [["notifications", self.notifications]]
        if self.encryption is not None:
            tags.append(["encryption", self.encryption])
        return self._sign(keys or self.wallet, 13194, tags, " ".join(self.methods))

    def _sign(self, keys: Keys, kind: int, tags: list[list[str]], content: str) -> Any:
        builder = EventBuilder(Kind(kind), content).tags([Tag.parse(tag) for tag in tags])
        return json.loads(builder.finalize(keys).as_json())


def fail(code: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": f"words of the wallet about {secrets.token_hex(4)}"}, "result": None}


def describe(made: Made) -> dict[str, Any]:
    state = "settled" if made.is_paid else "expired" if made.is_gone else "pending"
    return {
        "type": "incoming",
        "state": state,
        "invoice": made.bolt11,
        "description": made.memo,
        "description_hash": "",
        "preimage": made.preimage.hex() if made.is_paid else "",
        "payment_hash": made.payment_hash.hex(),
        "amount": made.received_msat or made.amount_msat,
        "fees_paid": 0,
        "created_at": int(time.time()),
        "expires_at": int(made.expires_at),
        "settled_at": int(time.time()) if made.is_paid else None,
        "metadata": {"label": made.label},
    }
