"""What a Lightning invoice says (BOLT 11): its network, amount, payment hash, time to pay, and who is paid. Knows no node."""

import hashlib
import re
from dataclasses import dataclass

from bech32 import CHARSET, bech32_decode, convertbits
from coincurve import PublicKey

# Several times the length from a node with many private channels, and within a QR code.
MAX_BOLT11_CHARS = 2_000
# BOLT 11: "ln", the network, a positive decimal without leading zeros, a multiplier. All bitcoins in pico-bitcoins have
# fewer digits.
_HUMAN_READABLE_PART = re.compile(r"ln(bc|tb|tbs|bcrt|sb)(?:([1-9][0-9]{0,19})([munp]?))?")
_MSAT_PER_BITCOIN = 100_000_000_000
_FRACTIONS = {"": 1, "m": 10**3, "u": 10**6, "n": 10**9, "p": 10**12}
# In values of five bits: the timestamp in front, and the signature with its recovery flag at the end.
_TIMESTAMP_VALUES, _SIGNATURE_VALUES = 7, 104
_HASH_FIELD, _EXPIRY_FIELD = CHARSET.index("p"), CHARSET.index("x")
_HASH_VALUES = 52
_DEFAULT_EXPIRY_S = 3_600


@dataclass(frozen=True, slots=True)
class Bolt11:
    """An invoice. `network` is as in its prefix (bc, tb, tbs, bcrt, sb); `expires_at` is in Unix seconds.

    `payee` is the public key (33 bytes) of the node that signed it, and is to be paid.
    """

    network: str
    amount_msat: int | None
    payment_hash: bytes
    expires_at: int
    payee: bytes


def read_amount_msat(bolt11: str) -> int | None:
    """Return how many millisatoshi an invoice is for, None where it names no amount or is no invoice.

    The bech32 checksum and the part before the data must be right. The wallet checks the signature in the data.
    """
    found = _split(bolt11)
    return None if found is None else _read_amount_msat(found[0])


def parse_bolt11(bolt11: str) -> Bolt11 | None:
    """Return what an invoice says, None where it is none: checksum, prefix, payment hash and signature must be right."""
    found = _split(bolt11)
    if found is None:
        return None
    prefix, values = found
    signed, signature = values[:-_SIGNATURE_VALUES], values[-_SIGNATURE_VALUES:]
    if len(signed) < _TIMESTAMP_VALUES or len(signature) != _SIGNATURE_VALUES:
        return None
    payee = _recover_payee(prefix[0], signed, signature)
    payment_hash, expiry_s = _read_fields(signed[_TIMESTAMP_VALUES:])
    if payee is None or payment_hash is None:
        return None
    made_at = _to_number(signed[:_TIMESTAMP_VALUES])
    return Bolt11(prefix[1], _read_amount_msat(prefix), payment_hash, made_at + expiry_s, payee)


def _split(bolt11: str) -> tuple[re.Match[str], list[int]] | None:
    """Return the part before the data, and the data in values of five bits; None where it is no invoice."""
    if len(bolt11) > MAX_BOLT11_CHARS:
        return None
    # The library refuses mixed case (BIP 173), returns lower case, and has no bound of 90 characters, as BOLT 11 asks.
    human_readable_part, values = bech32_decode(bolt11)
    found = _HUMAN_READABLE_PART.fullmatch(human_readable_part or "")
    return None if found is None or values is None else (found, values)


def _read_amount_msat(prefix: re.Match[str]) -> int | None:
    if prefix[2] is None:
        return None
    # BOLT 11: an amount in pico-bitcoins ends in 0, as there are no parts of a millisatoshi.
    amount, rest = divmod(int(prefix[2]) * _MSAT_PER_BITCOIN, _FRACTIONS[prefix[3]])
    return amount if rest == 0 else None


def _read_fields(values: list[int]) -> tuple[bytes | None, int]:
    """Return the payment hash and the expiry. The first field of a kind counts, and one of another length does not."""
    payment_hash, expiry_s = None, None
    place = 0
    while place + 3 <= len(values):
        kind, length = values[place], _to_number(values[place + 1 : place + 3])
        field = values[place + 3 : place + 3 + length]
        if len(field) < length:
            return None, 0
        if kind == _HASH_FIELD and length == _HASH_VALUES and payment_hash is None:
            payment_hash = _to_bytes(field)[:32]
        elif kind == _EXPIRY_FIELD and expiry_s is None:
            expiry_s = _to_number(field)
        place += 3 + length
    return payment_hash, _DEFAULT_EXPIRY_S if expiry_s is None else expiry_s


def _recover_payee(human_readable_part: str, signed: list[int], signature: list[int]) -> bytes | None:
    """Return the key whose signature it is. Anybody can sign an invoice, but for their own node alone."""
    message = hashlib.sha256(human_readable_part.encode() + _to_bytes(signed)).digest()
    try:
        return PublicKey.from_signature_and_message(_to_bytes(signature)[:65], message, hasher=None).format()
    except ValueError:
        return None


def _to_number(values: list[int]) -> int:
    number = 0
    for value in values:
        number = number << 5 | value
    return number


def _to_bytes(values: list[int]) -> bytes:
    """Return values of five bits as bytes, with zero bits at the end (BOLT 11)."""
    converted = convertbits(values, 5, 8, True)
    return bytes(converted or [])
