"""`ringrelay verify`: checks a ring-signed note, a pasted text or a bare ring signature. Knows no relay's policy."""

import argparse
import json
import sys
from collections.abc import Mapping

import msgspec

from relay.client.commands import verify_bare
from relay.client.commands.verify_bare import MAX_INPUT_BYTES
from relay.client.signing.verify_event import verify_note
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.format_note import describe_proof
from relay.client.terminal.format_verdict import format_verdict
from relay.client.terminal.notices import print_notice
from relay.client.terminal.ring_worth import describe_small_ring
from relay.client.terminal.stdin import read_stdin
from relay.protocol.event import Event, decode_event
from relay.protocol.refusal import Prefix, Rejected
from relay.verify import proof

Result = Mapping[str, object]

_DESCRIPTION = """\
Check a ring signature: TRUE or FALSE, what was signed, and by which ring.

  ringrelay verify < note.json                               an event's JSON
  ringrelay verify --text < text.txt                         a text as people post it, without its event
  ringrelay verify --message-hex HEX --ring ring.txt --signature SIG

A text holds message, ring and signature, or it is Nostringer's JSON. It proves nothing about its time, or who posted it.

On a terminal the answer is in words; otherwise, or with --json, it is one JSON object: `valid`, and what is proved, or
the `reason`. `signed_text` is what the ring signed: in the bound form a hash of the whole event, in the others the
message and nothing else of the event. Where it is valid and the ring has fewer than five members, stderr says what so
small a ring is worth.

exit status: 0 valid, 1 not valid, 2 wrong usage
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `ringrelay verify`."""
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--text", action="store_true", help="read a pasted text from stdin in place of an event")
    printed = parser.add_mutually_exclusive_group()
    printed.add_argument("--json", action="store_true", help="print JSON on a terminal, too")
    printed.add_argument("--words", action="store_true", help="print words even if stdout is no terminal")
    verify_bare.add_arguments(parser)


def run_verify(arguments: argparse.Namespace) -> int:
    """Verify what is given and print the result. Raises BadInput on wrong usage."""
    event: Event | None = None
    try:
        if _is_bare(arguments):
            result = verify_bare.verify_signature(arguments)
        elif arguments.text:
            result = _verify_text(_read_stdin("Paste the text, from its first word to its signature", "give one text"))
        else:
            event = _read_event()
            result = {"valid": True, **describe_proof(verify_note(event))}
    except Rejected as rejected:
        result = {"valid": False, "reason": str(rejected)}
    _print_result(result, event, arguments)
    if worth := describe_small_ring(result):
        print_notice(worth)
    return 0 if result["valid"] else 1


def _is_bare(arguments: argparse.Namespace) -> bool:
    """Return whether a bare signature is given. Raises BadInput for options that do not belong together."""
    is_bare = verify_bare.is_given(arguments)
    if is_bare and arguments.text:
        raise BadInput("verify one thing at a time: --text, or a bare signature")
    return is_bare


def _read_event() -> Event:
    raw = _read_stdin("Paste an event, one JSON object", "give one event")
    try:
        return decode_event(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Rejected(Prefix.INVALID, f"not one event's JSON: {error} (--text verifies a text)") from None


def _verify_text(raw: bytes) -> Result:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise BadInput(
            "the text is not UTF-8, and other bytes than the signed ones cannot verify: save it as UTF-8"
        ) from None
    if _is_event(raw):
        raise BadInput("this is a whole event, which proves more than its text: verify it without --text")
    claim = proof.read_text_claim(text)
    if claim is None:
        raise Rejected(
            Prefix.INVALID, "no ring signature in this text: give all of it, to the last letter of its signature"
        )
    return {"valid": True, **describe_proof(proof.verify_claim(claim))}


def _is_event(raw: bytes) -> bool:
    try:
        decode_event(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def _read_stdin(request: str, advice: str) -> bytes:
    raw = read_stdin(MAX_INPUT_BYTES, request, advice)
    if not raw.strip():
        raise BadInput("nothing on stdin: pipe an event or a text into it, or see `ringrelay verify --help`")
    return raw


def _print_result(result: Result, event: Event | None, arguments: argparse.Namespace) -> None:
    is_json = not arguments.words and (arguments.json or sys.stdout is None or not sys.stdout.isatty())
    if not is_json:
        print(format_verdict(result, event))
        return
    # Escaped to ASCII: nothing in it can steer a terminal.
    print(json.dumps(result))
