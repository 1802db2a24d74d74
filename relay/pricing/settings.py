"""The configuration of the Lightning node: which one, where it is, and our secret for it. Knows no HTTP."""

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from relay.limits import Section

# A macaroon or a rune has a few hundred bytes.
_MAX_SECRET_BYTES = 65_536
# The first byte of LND's file, which contains the macaroon as bytes. No text begins with it.
_MACAROON_VERSION = 2
_EVEN_HEX = re.compile(r"(?:[0-9a-fA-F]{2})+")


class LightningConfigError(Exception):
    """The fault of a secret or a file, in an operator's words. The text never repeats what is in them."""


class NodeSection(Section):
    """A Lightning node, and our secret for it. `timeout_s` bounds each of its answers.

    If `max_look_ups_per_s` is 0, it is asked about as many invoices a second as suits its kind.
    """

    # The values that a section is made from contain the secret as plain text.
    model_config = ConfigDict(hide_input_in_errors=True)

    backend: Literal["none", "lnd", "clnrest", "lnbits", "phoenixd", "nwc"] = "none"
    network: Literal["mainnet", "testnet", "signet", "regtest", "simnet"] = "mainnet"
    url: str = ""
    secret: SecretStr | None = None
    secret_file: Path | None = None
    certificate_file: Path | None = None
    allow_plain_http: bool = False
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 10.0
    max_look_ups_per_s: Annotated[float, Field(ge=0, le=1_000)] = 0.0

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        if not url:
            return url
        parts = _split_url(url)
        if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be a URL such as https://127.0.0.1:8080")
        if parts.username is not None or parts.password is not None:
            raise ValueError("must not hold a password: give the secret by RELAY_LIGHTNING__SECRET or secret_file")
        if parts.query or parts.fragment:
            raise ValueError("must end before any ? or #: it is what the node's own paths are added to")
        return url.rstrip("/")

    @model_validator(mode="after")
    def _check_backend_settings(self) -> Self:
        if self.backend == "none":
            return self
        if self.backend == "nwc":
            if self.url:
                raise ValueError("url must not be set for nwc: the connection string names the wallet's relay")
        elif not self.url:
            raise ValueError(f"url must say where {self.backend} answers, for example https://127.0.0.1:8080")
        if (self.secret is None) == (self.secret_file is None):
            raise ValueError("set one of secret_file and RELAY_LIGHTNING__SECRET, and not both")
        parts = urlsplit(self.url)
        if parts.scheme == "http":
            if not (self.allow_plain_http or is_private_route(parts.hostname or "")):
                raise ValueError(
                    "url must begin with https:// unless the node is on this machine or an .onion address; where the way"
                    " to it is safe, as in a VPN or between containers, set allow_plain_http = true"
                )
            if self.certificate_file is not None:
                raise ValueError("certificate_file is of no use with http://: begin url with https://, or remove it")
        return self


class LightningSection(NodeSection):
    """The Lightning node that makes the invoices, and the one that made them before."""

    previous: NodeSection | None = None


def read_secret(section: NodeSection) -> str:
    """Return the secret as it is sent: an LND macaroon as hex, that of another node as it is written.

    Raises LightningConfigError.
    """
    if section.secret is not None:
        name, raw = "RELAY_LIGHTNING__SECRET", section.secret.get_secret_value().encode()
    elif section.secret_file is not None:
        name, raw = f"{section.secret_file}", _read_file(section.secret_file)
    else:
        raise LightningConfigError("set [lightning] secret_file, or RELAY_LIGHTNING__SECRET")
    if not raw.strip():
        raise LightningConfigError(f"{name}: is empty; it must hold the node's secret")
    text = raw.strip().decode("ascii", errors="replace")
    if section.backend == "lnd":
        if _EVEN_HEX.fullmatch(text):
            return text.lower()
        if section.secret_file is not None and raw[0] == _MACAROON_VERSION:
            return raw.hex()
        raise LightningConfigError(f"{name}: is no macaroon: name LND's file (invoice.macaroon), or write it as hex")
    if not text.isascii() or not text.isprintable():
        raise LightningConfigError(f"{name}: must be one line of plain ASCII letters, digits and signs")
    return text


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_SECRET_BYTES + 1)
    except OSError as error:
        raise LightningConfigError(f"{path}: cannot be read: {error.strerror}") from None
    if len(raw) > _MAX_SECRET_BYTES:
        raise LightningConfigError(f"{path}: is too long to be a secret; name the file that holds it alone")
    return raw


def _split_url(url: str) -> SplitResult | None:
    """Return the parts of a URL, None where it or its port cannot be read."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018
    except ValueError:
        return None
    return None if any(character <= " " for character in url) else parts


def is_private_route(host: str) -> bool:
    """Return whether nobody between here and the node can read the traffic: it is on this machine, or behind Tor."""
    if host == "localhost" or host.endswith(".onion"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
