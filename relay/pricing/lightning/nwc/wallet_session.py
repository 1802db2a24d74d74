"""Requests to a wallet over one connection to its relay (NIP-47): encrypted, signed, and answered by the wallet itself."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator

import msgspec

from relay.pricing.lightning.backend import BackendError
from relay.pricing.lightning.nwc import messages, nip04, nip44
from relay.pricing.lightning.nwc.connection_string import ConnectionString
from relay.pricing.lightning.nwc.messages import NotifiedPayment, WalletInfo, WalletRefusal
from relay.pricing.lightning.nwc.nip44 import BadPayload
from relay.pricing.lightning.nwc.relay_link import RelayLink
from relay.protocol.event import Event, find_tag

# A wallet ignores a request that is older than its time-out and this: clocks differ.
_CLOCKS_DIFFER_S = 60


class WalletSession:
    """A wallet as it is reached over one connection. `encryption` is how requests are encrypted."""

    def __init__(self, link: RelayLink, string: ConnectionString, timeout_s: float, encryption: str) -> None:
        self.link = link
        self.tells_payments = False
        # How many requests had no reply since the last one that had.
        self.unanswered = 0
        self._string = string
        self._lasts_s = math.ceil(timeout_s) + _CLOCKS_DIFFER_S
        self._encryption = encryption
        self._shared_x = string.key.agree_with(string.wallet)
        self._conversation_key = nip44.derive_conversation_key(self._shared_x)

    async def ask(self, method: str, parameters: dict[str, object]) -> bytes:
        """Send a request and return the result, as JSON. Waits until then. Raises BackendError."""
        request = self._make_request(method, parameters)
        try:
            text = await self._wait_for_reply(request)
        except BaseException:
            # Mostly the time-out of whoever asks.
            self.unanswered += 1
            raise
        self.unanswered = 0
        return messages.read_reply(text, method)

    async def _wait_for_reply(self, request: Event) -> str:
        """Send a request and return the text of its reply. Raises BackendError."""
        # Not by a "p" tag: some wallet services set none in a reply.
        found = self.link.subscribe(kinds=[messages.REPLY], authors=[self._string.wallet], tag_e=[request.id])
        async with found as deliveries, self.link.publish(request, deliveries):
            while True:
                reply = await _next_event(deliveries)
                if reply is not None and (text := self._read_reply(reply, request)) is not None:
                    return text

    async def follow_payments(self) -> AsyncGenerator[NotifiedPayment, None]:
        """Yield what the wallet says is paid, until the connection ends."""
        kind = messages.NIP44_NOTIFICATION if self._encryption == messages.NIP44 else messages.NIP04_NOTIFICATION
        found = self.link.subscribe(
            kinds=[kind],
            authors=[self._string.wallet],
            tag_p=[self._string.key.pubkey],
            since=int(time.time()) - _CLOCKS_DIFFER_S,
        )
        async with found as deliveries:
            while True:
                event = await _next_event(deliveries)
                if event is not None and (payment := self._read_notification(event, kind)) is not None:
                    yield payment

    def _make_request(self, method: str, parameters: dict[str, object]) -> Event:
        text = msgspec.json.encode({"method": method, "params": parameters}).decode()
        if self._encryption == messages.NIP44:
            content = nip44.encrypt(text, self._conversation_key)
        else:
            content = nip04.encrypt(text, self._shared_x)
        now = int(time.time())
        tags = (
            ("p", self._string.wallet),
            ("encryption", self._encryption),
            ("expiration", str(now + self._lasts_s)),
        )
        return self._string.key.sign_request(tags, content, now)

    def _read_reply(self, event: Event, request: Event) -> str | None:
        """Return the text of the wallet's reply to a request, None of anything else."""
        if find_tag(event, "e") != request.id or not messages.is_from(event, self._string.wallet, messages.REPLY):
            return None
        return self._decrypt(event.content)

    def _read_notification(self, event: Event, kind: int) -> NotifiedPayment | None:
        """Return the payment that the wallet says it received, None of anything else."""
        if find_tag(event, "p") != self._string.key.pubkey or not messages.is_from(event, self._string.wallet, kind):
            return None
        told = messages.decode(self._decrypt(event.content) or "", messages.Notification)
        is_payment = told is not None and told.notification_type == messages.PAYMENT_RECEIVED
        return told.notification if told is not None and is_payment else None

    def _decrypt(self, content: str) -> str | None:
        # By its own form: a wallet that cannot read a request answers as it can. The event's signature was checked.
        try:
            if nip04.is_nip04(content):
                return nip04.decrypt(content, self._shared_x)
            return nip44.decrypt(content, self._conversation_key)
        except BadPayload:
            return None


async def open_session(link: RelayLink, string: ConnectionString, timeout_s: float, network: str) -> WalletSession:
    """Read how the wallet is spoken to, and check that it makes and looks up invoices. Raises BackendError."""
    info_event = await _find_info_event(link, string.wallet)
    session = WalletSession(link, string, timeout_s, messages.choose_encryption(info_event))
    try:
        info = messages.decode((await session.ask("get_info", {})).decode(), WalletInfo) or WalletInfo()
    except WalletRefusal as refusal:
        if refusal.code not in messages.UNTOLD:
            raise
        info = WalletInfo()
    messages.check_wallet(info, info_event, network)
    session.tells_payments = messages.tells_payments(info, info_event)
    return session


async def _find_info_event(link: RelayLink, wallet: str) -> Event:
    """Return the newest info event that is really the wallet's. Raises BackendError where the relay has none."""
    newest: Event | None = None
    async with link.subscribe(kinds=[messages.INFO], authors=[wallet], limit=1) as deliveries:
        while (event := await _next_event(deliveries)) is not None:
            if messages.is_from(event, wallet, messages.INFO) and (
                newest is None or event.created_at > newest.created_at
            ):
                newest = event
    if newest is None:
        raise BackendError(messages.NO_WALLET)
    return newest


async def _next_event(deliveries: "asyncio.Queue[Event | BackendError | None]") -> Event | None:
    """Return the next event of a subscription, None once all stored ones came. Raises BackendError."""
    delivery = await deliveries.get()
    if isinstance(delivery, BackendError):
        raise BackendError(str(delivery)) from None
    return delivery
