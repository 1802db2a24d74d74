"""A bare ring signature, as Nostringer's tools make it, with its message and its ring: read and verified. Knows no note."""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from relay.client.signing import keys
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.stdin import read_stdin
from relay.protocol.refusal import Prefix, Rejected
from relay.verify import ring_equations
from relay.verify.claim import MAX_RING
from relay.verify.encoding import RingSignature, decode_json, decode_ring_a
from relay.verify.ring_equations import RELEASE_FLAG, Dialect, Member, to_ring_id

# A ring of MAX_RING members, as tags and as a signature, with room to spare.
MAX_INPUT_BYTES = 16 * 2**20
# No file's name, even without a comma. So the error for a ring of one names the reason, and repeats no secret key.
_ONE_KEY = re.compile(r"((npub|nsec)1.*|[0-9a-f]{64,130})?", re.IGNORECASE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the three options, which belong together."""
    add = parser.add_argument_group(
        "a bare signature, as Nostringer's tools make it",
        "keys may be npubs or 64, 66 or 130 hex digits; every dialect is tried",
    ).add_argument
    add("--message-hex", metavar="HEX", help="the signed bytes, in hex; empty for an empty message")
    add(
        "--ring",
        metavar="FILE|KEY,KEY...",
        help="the members in the signed order, in a file (one a line) or separated by commas",
    )
    add("--signature", metavar="SIG", help="ringA..., or JSON with c0 and s; - reads it from stdin")


def is_given(arguments: argparse.Namespace) -> bool:
    """Return whether all three are given. Raises BadInput where only some are."""
    given = [arguments.message_hex, arguments.ring, arguments.signature]
    if any(part is not None for part in given) and any(part is None for part in given):
        raise BadInput("--message-hex, --ring and --signature belong together: give all three, or an event on stdin")
    return None not in given


def verify_signature(arguments: argparse.Namespace) -> Mapping[str, object]:
    """Return what the signature proves. Raises Rejected where it does not verify, BadInput on wrong usage."""
    message = _parse_message(arguments.message_hex)
    members = _parse_members(_list_members(arguments.ring))
    signature = _parse_signature(_read_signature(arguments.signature).strip(), len(members))
    dialect = ring_equations.verify_ring_signature(message, members, signature, tuple(Dialect))
    return {
        "valid": True,
        "form": None,
        "scheme": signature.scheme,
        "dialect": dialect,
        "binding": "message",
        "ring_size": len(members),
        "ring_id": to_ring_id([member.point[1:] for member in members]),
        "key_image": None if signature.key_image is None else signature.key_image.hex(),
        # Nostringer 0.1.8 always hashed this flag, so that it separates nothing: it is no scope.
        "scope": None if signature.flag == RELEASE_FLAG else signature.flag,
    }


def _parse_message(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise BadInput("--message-hex takes the message's bytes as hex digits, two a byte") from None


def _read_signature(given: str) -> str:
    if given != "-":
        return given
    return read_stdin(MAX_INPUT_BYTES, "Paste the signature", "give one signature").decode(errors="replace")


def _parse_signature(text: str, ring_size: int) -> RingSignature:
    return decode_json(text, ring_size) if text.startswith("{") else decode_ring_a(text, ring_size)


def _list_members(text: str) -> list[str]:
    if "," in text or _ONE_KEY.fullmatch(text):
        return [part.strip() for part in text.split(",")] if text else []
    return [entry for _, entry in keys.list_ring_entries(Path(text))]


def _parse_members(entries: Sequence[str]) -> list[Member]:
    if len(entries) > MAX_RING:
        raise Rejected(Prefix.INVALID, f"the ring has more than {MAX_RING} members")
    return [_parse_member(number, entry) for number, entry in enumerate(entries, start=1)]


def _parse_member(number: int, entry: str) -> Member:
    """Return one key of a ring. Raises BadInput for a secret key, which is a mistake, Rejected for a malformed one."""
    lowered = entry.lower()
    try:
        if lowered.startswith(("npub1", "nsec1")):
            return ring_equations.lift_x(keys.parse_public_key(entry))
        return ring_equations.parse_member(lowered)
    except BadInput as error:
        raise BadInput(f"--ring, key {number}: {error}") from None
    except Rejected as rejected:
        raise Rejected(rejected.prefix, f"key {number} of the ring: {rejected.reason}") from None
