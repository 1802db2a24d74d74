"""Invoices as tests need them: right in what is read of them, with nothing behind them that could be paid."""

import hashlib

from bech32 import bech32_encode

# Data of the length that nodes write for a short memo: time, fields, signature.
_DATA_CHARS = 240


def make_bolt11(amount: str = "2100n", network: str = "bc", *, number: int = 0) -> str:
    """Return an invoice over an amount as BOLT 11 writes it ("2100n" is 210 sat); another one for each number."""
    data = hashlib.shake_256(b"%d" % number).digest(_DATA_CHARS)
    return str(bech32_encode(f"ln{network}{amount}", [byte & 31 for byte in data]))
