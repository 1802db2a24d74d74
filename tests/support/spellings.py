"""How what must be found nowhere could be written down."""

import ipaddress
from base64 import b64encode


def list_spellings(address: str) -> set[bytes]:
    """Return how an address could be written down. Its network alone is too much as well."""
    packed = ipaddress.IPv4Address(address).packed
    texts = {
        address,
        address.rpartition(".")[0] + ".",
        address.replace(".", "-"),
        packed.hex(),
        packed.hex().upper(),
        packed[::-1].hex(),
        packed[::-1].hex().upper(),
        packed.hex(":"),
        f"{packed[:2].hex()}:{packed[2:].hex()}",
        str(int.from_bytes(packed, "big")),
        address.encode().hex(),
    }
    return {text.encode() for text in texts}


def spell(secret: bytes) -> set[bytes]:
    """Return how bytes could be written down."""
    return {secret, secret.hex().encode(), b64encode(secret), b64encode(secret).rstrip(b"=")}
