"""What a wallet service writes (NIP-47): its info event, replies, notifications; and which of them are believed.

The words of a wallet's errors are never repeated: they may hold an invoice.
"""

from typing import TypeVar

import msgspec

from relay.pricing.lightning.backend import BackendError
from relay.pricing.lightning.http import BUSY, REFUSED, UNEXPECTED
from relay.protocol.event import Event, compute_id, find_tag
from relay.protocol.refusal import Rejected
from relay.verify.schnorr import verify_signature

INFO = 13194
REPLY = 23195
NIP04_NOTIFICATION = 23196
NIP44_NOTIFICATION = 23197

NIP44 = "nip44_v2"
NIP04 = "nip04"
PAYMENT_RECEIVED = "payment_received"
NEEDED_METHODS = frozenset({"make_invoice", "lookup_invoice"})
NOT_FOUND = "NOT_FOUND"
UNSUPPORTED_ENCRYPTION = "UNSUPPORTED_ENCRYPTION"
# The wallet does not say what the connection may do, which it need not.
UNTOLD = ("NOT_IMPLEMENTED", "RESTRICTED")

NO_WALLET = (
    "no wallet has introduced itself at the relay of the connection string (its info event, kind 13194, is missing there); check"
    " that the wallet runs and is connected to that relay"
)
NOT_ALLOWED = (
    "the wallet does not let this connection make and look up invoices; make a new connection string there that allows"
    " make_invoice and lookup_invoice"
)
NO_COMMON_ENCRYPTION = "the wallet speaks neither NIP-44 nor NIP-04 encryption; update the wallet"
WALLET_FAILED = "the wallet could not do what it was asked; look in the wallet's own log"
OTHER_NETWORK = (
    "the wallet of the connection string is on another network than lightning.network names: correct one of the two"
)
_TEXTS = {
    "RATE_LIMITED": BUSY,
    "UNAUTHORIZED": REFUSED,
    "RESTRICTED": NOT_ALLOWED,
    "NOT_IMPLEMENTED": NOT_ALLOWED,
    UNSUPPORTED_ENCRYPTION: NO_COMMON_ENCRYPTION,
}
_NETWORKS = {
    "bitcoin": "mainnet", "mainnet": "mainnet", "testnet": "testnet", "signet": "signet", "regtest": "regtest",
    "simnet": "simnet",
}  # fmt: skip

T = TypeVar("T")


class WalletRefusal(BackendError):
    """An error that the wallet answered with, and its code."""

    def __init__(self, code: str) -> None:
        super().__init__(_TEXTS.get(code, WALLET_FAILED))
        self.code = code


class _Failure(msgspec.Struct):
    code: str = ""


class _Reply(msgspec.Struct):
    result_type: str = ""
    error: _Failure | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")


class WalletInfo(msgspec.Struct):
    """The result of `get_info`. Wallets leave out what the connection may not know."""

    methods: list[str] | None = None
    network: str | None = None
    pubkey: str | None = None
    notifications: list[str] | None = None


class NotifiedPayment(msgspec.Struct):
    """What a notification tells of a payment."""

    payment_hash: str = ""
    description: str | None = None
    metadata: object = None


class Notification(msgspec.Struct):
    """A notification. What other types than `payment_received` tell is not read."""

    notification_type: str
    notification: NotifiedPayment


def is_from(event: Event, wallet: str, kind: int) -> bool:
    """Return whether an event is of this kind and really by the wallet."""
    if event.kind != kind or event.pubkey != wallet:
        return False
    if compute_id(event.pubkey, event.created_at, event.kind, event.tags, event.content) != event.id:
        return False
    try:
        verify_signature(event)
    except Rejected:
        return False
    return True


def choose_encryption(info: Event) -> str:
    """Return the best encryption that the wallet names; without a name it is the older one. Raises BackendError."""
    named = find_tag(info, "encryption")
    schemes = [NIP04] if named is None else named.split()
    for scheme in (NIP44, NIP04):
        if scheme in schemes:
            return scheme
    raise BackendError(NO_COMMON_ENCRYPTION)


def decode(text: str, type_: type[T]) -> T | None:
    """Decode JSON of a known shape, None where it has another."""
    try:
        return msgspec.json.decode(text, type=type_)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def read_reply(text: str, method: str) -> bytes:
    """Return the result in a reply, as JSON. Raises WalletRefusal, and BackendError where it is no reply to this method."""
    reply = decode(text, _Reply)
    if reply is not None and reply.error is not None:
        raise WalletRefusal(reply.error.code)
    if reply is None or reply.result_type != method:
        raise BackendError(UNEXPECTED)
    return bytes(reply.result)


def check_wallet(info: WalletInfo, info_event: Event, network: str) -> None:
    """Raise BackendError unless the wallet can do what a relay needs, on this network as far as it says."""
    methods = info_event.content.split() if info.methods is None else info.methods
    if not NEEDED_METHODS.issubset(methods):
        raise BackendError(NOT_ALLOWED)
    # A network by another name is found by its first invoice.
    if info.network is not None and _NETWORKS.get(info.network, network) != network:
        raise BackendError(OTHER_NETWORK)


def tells_payments(info: WalletInfo, info_event: Event) -> bool:
    """Return whether the wallet notifies of payments."""
    named = (find_tag(info_event, "notifications") or "").split()
    return PAYMENT_RECEIVED in (named if info.notifications is None else info.notifications)
