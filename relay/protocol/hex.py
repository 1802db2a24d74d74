"""Hex on the wire: keys, ids and points in lower-case digits, the one spelling that NIP-01 allows. Knows no event."""

import re

# 32 bytes: an event id, an x-only key, a ring id, a scalar.
HEX32 = r"[0-9a-f]{64}"
# 64 bytes: a BIP-340 signature, or the two coordinates of a point.
HEX64 = r"[0-9a-f]{128}"
# 33 bytes: a compressed point, such as a key image.
HEX_POINT = rf"0[23]{HEX32}"

_hex32 = re.compile(HEX32)


def is_hex32(text: str) -> bool:
    """Return whether a text is 32 bytes in 64 lower-case digits."""
    return _hex32.fullmatch(text) is not None
