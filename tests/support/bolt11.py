"""Invoices as tests need them: right in all that is read of them, with nothing behind them that could be paid."""

import hashlib
import time

from bech32 import CHARSET, bech32_encode, convertbits
from coincurve import PrivateKey

_NODE = PrivateKey(b"\x11" * 32)


def make_bolt11(amount: str = "2100n", network: str = "bc", *, number: int = 0) -> str:
    """Return an invoice over an amount as BOLT 11 writes it ("2100n" is 210 sat); another one for each number."""
    return sign_bolt11(f"ln{network}{amount}", hashlib.sha256(b"%d" % number).digest(), 900)


def sign_bolt11(
    prefix: str, payment_hash: bytes, expiry_s: int, made_at: float | None = None, key: PrivateKey = _NODE
) -> str:
    """Return an invoice that a node signed, with a prefix such as "lnbc2100n"."""
    at = int(time.time() if made_at is None else made_at)
    values = [*_to_values(at, 7), *_make_field("p", _convert(payment_hash)), *_make_field("x", _to_values(expiry_s, 5))]
    # BOLT 11: the data to sign has zero bits up to a whole byte.
    padded = convertbits(values, 5, 8, True)
    signature = key.sign_recoverable(hashlib.sha256(prefix.encode() + bytes(padded or [])).digest(), hasher=None)
    return str(bech32_encode(prefix, [*values, *_convert(signature)]))


def _make_field(kind: str, values: list[int]) -> list[int]:
    return [CHARSET.index(kind), *_to_values(len(values), 2), *values]


def _to_values(number: int, count: int) -> list[int]:
    return [number >> 5 * place & 31 for place in reversed(range(count))]


def _convert(data: bytes) -> list[int]:
    values: list[int] | None = convertbits(data, 8, 5)
    assert values is not None
    return values
