"""What an entry of the pasted texts is made of. Expected values come from how a text was made, never from a verifier."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from relay.verify.ring_equations import Dialect, to_ring_id
from tests.conformance.notes import compact, hex_of, npub_of
from tests.conformance.signing import blsag, key_of, sag

WORDS = "We have known since March."
RING = (2, 0, 1)  # in no order of the keys
TWO = (0, 1)
SIGNER = 0

Entry = dict[str, Any]
SIG = compact(sag(WORDS, RING, SIGNER))
SIG_OF_TWO = compact(sag(WORDS, TWO, SIGNER))
SIG_TYPESCRIPT = compact(sag(WORDS, RING, SIGNER, Dialect.TYPESCRIPT))
SIG_LINKABLE = compact(blsag(WORDS, RING, SIGNER, "march-2026"))
NPUBS, HEX = npub_of(*RING), hex_of(*RING)
ME, SNOWDEN = npub_of(*TWO)
LINES = "\n".join(NPUBS)


class Signed(NamedTuple):
    """What was signed: the words, the ring's keys by number or as hex, the dialect and the scheme."""

    text: str = WORDS
    ring: Sequence[int | str] = RING
    dialect: str = "canonical"
    scheme: str = "sag"


BY_THREE = Signed()
BY_TWO = Signed(ring=TWO)


def accept(name: str, spelling: str, text: str, why: str, signed: Signed = BY_THREE) -> Entry:
    """Return an entry of a text that is a valid ring note."""
    keys = [bytes.fromhex(key) if isinstance(key, str) else key_of(key) for key in signed.ring]
    expected = {
        "valid": True,
        "signed_text": signed.text,
        "dialect": signed.dialect,
        "scheme": signed.scheme,
        "ring_size": len(keys),
        "ring_id": to_ring_id(keys),
    }
    return {"name": name, "spelling": spelling, "text": text, "expected": expected, "why": why}


def refuse(name: str, spelling: str, text: str, reason: str, why: str) -> Entry:
    """Return an entry of a text that is not a valid ring note. The parts of the reason between ` ... ` are in the refusal."""
    expected = {"valid": False, "reason": reason}
    return {"name": name, "spelling": spelling, "text": text, "expected": expected, "why": why}


def sign(text: str) -> str:
    """Return the compact signature of the ring of three over a text."""
    return compact(sag(text, RING, SIGNER))


def post(
    message: str = WORDS, ring: str = f"Ring:\n{LINES}", signature: str = f"Signature:\n{SIG}", between: str = "\n\n"
) -> str:
    """Return a text of three parts as most people post it."""
    return f"{message}{between}{ring}{between}{signature}"


def found(text: str) -> str:
    """Return the part of a refusal's reason that quotes a text from its beginning on."""
    return f"(found: \u201c{text}"
