"""The amount of a Lightning invoice (BOLT 11). Knows no more of invoices: a payer's wallet reads the rest."""

import re

from bech32 import bech32_decode

# Several times the length from a node with many private channels, and within a QR code.
MAX_BOLT11_CHARS = 2_000
# BOLT 11: "ln", the network, a positive decimal without leading zeros, a multiplier. All bitcoins in pico-bitcoins have
# fewer digits.
_HUMAN_READABLE_PART = re.compile(r"ln(?:bc|tb|tbs|bcrt|sb)(?:([1-9][0-9]{0,19})([munp]?))?")
_MSAT_PER_BITCOIN = 100_000_000_000
_FRACTIONS = {"": 1, "m": 10**3, "u": 10**6, "n": 10**9, "p": 10**12}


def read_amount_msat(bolt11: str) -> int | None:
    """Return how many millisatoshi an invoice is for, None where it names no amount or is no invoice.

    The bech32 checksum and the part before the data must be right. The wallet checks the signature in the data.
    """
    if len(bolt11) > MAX_BOLT11_CHARS:
        return None
    # The library refuses mixed case (BIP 173), returns lower case, and has no bound of 90 characters, as BOLT 11 asks.
    human_readable_part, _ = bech32_decode(bolt11)
    found = _HUMAN_READABLE_PART.fullmatch(human_readable_part or "")
    if found is None or found[1] is None:
        return None
    # BOLT 11: an amount in pico-bitcoins ends in 0, as there are no parts of a millisatoshi.
    amount, rest = divmod(int(found[1]) * _MSAT_PER_BITCOIN, _FRACTIONS[found[2]])
    return amount if rest == 0 else None
