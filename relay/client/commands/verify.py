"""`ringrelay verify`: checks a ring-signed note or a bare ring signature, offline. Knows no relay's policy."""

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from relay.client.signing import keys
from relay.client.signing.verify_event import verify_note
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.format_note import describe_proof
from relay.client.terminal.notices import print_notice
from relay.client.terminal.ring_worth import describe_small_ring
from relay.client.terminal.stdin import read_stdin
from relay.protocol.event import decode_event
from relay.protocol.refusal import Prefix, Rejected
from relay.verify import ring_equations
from relay.verify.claim import MAX_RING
from relay.verify.encoding import RingSignature, decode_json, decode_ring_a
from relay.verify.ring_equations import RELEASE_FLAG, Dialect, Member, to_ring_id

# A ring of MAX_RING members, as tags and as a signature, with room to spare.
MAX_INPUT_BYTES = 16 * 2**20
# No file's name, even without a comma. So the error for a ring of one names the reason, and repeats no secret key.
_ONE_KEY = re.compile(r"((npub|nsec)1.*|[0-9a-f]{64,130})?", re.IGNORECASE)

Result = Mapping[str, object]

_DESCRIPTION = """\
Check a ring signature and print one JSON object: `valid`, and then what is proved, or the `reason`.

Without options, an event is read from stdin, one JSON object. Its id, its signature and its ring are checked, in each
form. `signed_text` is what the ring signed: in the bound form a hash of the whole event, in the others the message and
nothing else about the event.
With --message-hex, --ring and --signature, a bare signature is checked, as Nostringer's tools make it. Its ring may
hold npubs and keys of 64, 66 or 130 hex digits, in the signed order. Every dialect is tried.
If it is valid and its ring has fewer than five members, stderr says what so small a ring is worth.

exit status: 0 valid, 1 not valid, 2 wrong usage
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `ringrelay verify`."""
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--message-hex", metavar="HEX", help="the signed bytes, in hex; empty for an empty message")
    add("--ring", metavar="FILE|KEY,KEY...", help="the members, in a file (one a line) or separated by commas")
    add("--signature", metavar="SIG", help="ringA..., or JSON with c0 and s; - reads it from stdin")


def run_verify(arguments: argparse.Namespace) -> int:
    """Verify what is given and print the result. Raises BadInput on wrong usage."""
    given = [arguments.message_hex, arguments.ring, arguments.signature]
    if any(part is not None for part in given) and any(part is None for part in given):
        raise BadInput("--message-hex, --ring and --signature belong together: give all three, or an event on stdin")
    try:
        result = _verify_raw(arguments) if arguments.ring is not None else _verify_stdin()
    except Rejected as rejected:
        result = {"valid": False, "reason": str(rejected)}
    print(json.dumps(result))
    if worth := describe_small_ring(result):
        print_notice(worth)
    return 0 if result["valid"] else 1


def _verify_stdin() -> Result:
    raw = read_stdin(MAX_INPUT_BYTES, "Paste an event, one JSON object", "give one event")
    if not raw.strip():
        raise BadInput("nothing on stdin: pipe an event into it, or see `ringrelay verify --help`")
    try:
        event = decode_event(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Rejected(Prefix.INVALID, f"not one event's JSON: {error}") from None
    return {"valid": True, **describe_proof(verify_note(event))}


def _verify_raw(arguments: argparse.Namespace) -> Result:
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
