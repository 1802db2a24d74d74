"""The connection string that a wallet gives out (NIP-47): its key, its relays, and our secret for it. No text repeats it."""

from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import SplitResult, parse_qs, urlsplit

from coincurve import PublicKeyXOnly

from relay.pricing.lightning.nwc.connection_key import ConnectionKey
from relay.pricing.settings import LightningConfigError, NodeSection, is_private_route

_SCHEME = "nostr+walletconnect"
_MAX_RELAYS = 8
_MAX_FIELDS = 32
_DIGITS = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class ConnectionString:
    """A wallet's public key, the URLs of its relays in their order, and the key that requests are signed with."""

    wallet: str
    relays: tuple[str, ...]
    key: ConnectionKey


def parse_connection_string(text: str, section: NodeSection) -> ConnectionString:
    """Read a connection string. Raises LightningConfigError."""
    try:
        parts = urlsplit(text)
        fields = parse_qs(parts.query, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        _refuse("cannot be read")
    if parts.scheme != _SCHEME:
        _refuse(f"does not begin with {_SCHEME}://")
    relays = tuple(dict.fromkeys(fields.get("relay", [])))
    if not 1 <= len(relays) <= _MAX_RELAYS:
        _refuse(f"must name 1 to {_MAX_RELAYS} relays")
    for relay in relays:
        _check_relay(relay, section)
    if section.certificate_file is not None and all(relay.startswith("ws:") for relay in relays):
        raise LightningConfigError("certificate_file is of no use with ws://: take a wss:// relay, or remove it")
    # Some wallets write it without the slashes.
    wallet = (parts.netloc or parts.path).lower().rstrip("/")
    return ConnectionString(wallet=_check_wallet(wallet), relays=relays, key=_read_key(fields.get("secret", [])))


def _check_relay(url: str, section: NodeSection) -> None:
    parts = _split_url(url)
    if parts is None or parts.scheme not in ("ws", "wss") or not parts.hostname:
        _refuse("has a relay that is no URL such as wss://relay.example")
    if parts.username is not None or parts.password is not None or parts.fragment:
        _refuse("has a relay whose URL holds a password or a #")
    if parts.scheme == "ws" and not (section.allow_plain_http or is_private_route(parts.hostname)):
        raise LightningConfigError(
            "the connection string's relay must begin with wss:// unless it is on this machine or an .onion address; where"
            " the way to it is safe, as in a VPN or between containers, set allow_plain_http = true"
        )


def _split_url(url: str) -> SplitResult | None:
    """Return the parts of a URL, None where it or its port cannot be read."""
    if any(character <= " " for character in url):
        return None
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018
    except ValueError:
        return None
    return parts


def _check_wallet(pubkey: str) -> str:
    if not _is_hex32(pubkey):
        _refuse("has no public key of 64 hex digits")
    try:
        PublicKeyXOnly(bytes.fromhex(pubkey))
    except ValueError:
        _refuse("has a public key that is none")
    return pubkey


def _read_key(secrets: list[str]) -> ConnectionKey:
    if len(secrets) != 1 or not _is_hex32(secrets[0].lower()):
        _refuse("has no secret of 64 hex digits")
    try:
        return ConnectionKey(bytes.fromhex(secrets[0]))
    except ValueError:
        _refuse("has a secret that is no secret key")


def _is_hex32(text: str) -> bool:
    return len(text) == 64 and _DIGITS.issuperset(text)


def _refuse(fault: str) -> NoReturn:
    raise LightningConfigError(
        f"the connection string {fault}; copy it whole from the wallet: {_SCHEME}://...?relay=wss://...&secret=..."
    ) from None
