"""`ringrelay verify`: checks a ring-signed note, a pasted text or a bare ring signature. Knows no relay's policy.

Without --on nothing is asked of anybody.
"""

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Mapping

import msgspec

from relay.client.commands import verify_bare
from relay.client.commands.verify_bare import MAX_INPUT_BYTES
from relay.client.network import route
from relay.client.network.connect import check_url
from relay.client.network.fetch_note import fetch_note, parse_note_id
from relay.client.network.tor import read_choice
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

# As console.log prints it, or the first releases of the crate.
_HEX_SIGNATURE = re.compile(r"\bc0\b\W{0,5}[0-9A-Fa-f]{64}")

Result = Mapping[str, object]

_DESCRIPTION = """\
Check a ring signature: TRUE or FALSE, what was signed, and by which ring.

  ringrelay verify < note.json                               an event's JSON
  ringrelay verify --text < text.txt                         a text as people post it, without its event
  ringrelay verify nevent1... --on wss://relay.example.com   a note on a relay; no other host is asked
  ringrelay verify --message-hex HEX --ring ring.txt --signature SIG

A text holds message, ring and signature, or it is Nostringer's JSON. It proves nothing about its time, or who posted it.

On a terminal the answer is in words; otherwise, or with --json, it is one JSON object: `valid`, and what is proved, or
the `reason`. `signed_text` is what the ring signed: in the bound form a hash of the whole event, in the others the
message and nothing else of the event. With --on, `event` is the event, if it is valid. Where the ring has fewer than
five members, stderr says what so small a ring is worth.

exit status: 0 valid, 1 not valid, 2 wrong usage, or the note could not be fetched
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `ringrelay verify`."""
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "note", nargs="?", metavar="NOTE", type=_read_note_id, help="nevent1..., note1... or a note's id"
    )
    parser.add_argument("--on", metavar="URL", help="the relay to fetch it from, ws://... or wss://...")
    parser.add_argument("--text", action="store_true", help="read a pasted text from stdin in place of an event")
    printed = parser.add_mutually_exclusive_group()
    printed.add_argument("--json", action="store_true", help="print JSON on a terminal, too")
    printed.add_argument("--words", action="store_true", help="print words even if stdout is no terminal")
    verify_bare.add_arguments(parser)
    route.add_arguments(parser)


def run_verify(arguments: argparse.Namespace) -> int:
    """Verify what is given and print the result. Raises BadInput on wrong usage."""
    event: Event | None = None
    try:
        if _is_bare(arguments):
            result = verify_bare.verify_signature(arguments)
        elif arguments.text:
            result = _verify_text(_read_stdin("Paste the text, from its first word to its signature", "give one text"))
        else:
            event = _fetch_event(arguments) if arguments.note is not None else _read_event()
            result = {"valid": True, **describe_proof(verify_note(event))}
    except Rejected as rejected:
        result = {"valid": False, "reason": str(rejected)}
    _print_result(result, event, arguments)
    if worth := describe_small_ring(result):
        print_notice(worth)
    return 0 if result["valid"] else 1


def _read_note_id(text: str) -> bytes:
    try:
        return parse_note_id(text)
    except BadInput as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _is_bare(arguments: argparse.Namespace) -> bool:
    """Return whether a bare signature is given. Raises BadInput for options that do not belong together."""
    is_bare = verify_bare.is_given(arguments)
    if arguments.note is not None and arguments.on is None:
        raise BadInput("say with --on URL which relay to ask; those that an nevent names are not asked")
    if arguments.on is not None and arguments.note is None:
        raise BadInput("--on needs the note to fetch: ringrelay verify nevent1... --on URL")
    if is_bare + arguments.text + (arguments.note is not None) > 1:
        raise BadInput("verify one thing at a time: a note of a relay, --text, or a bare signature")
    return is_bare


def _read_event() -> Event:
    raw = _read_stdin("Paste an event, one JSON object", "give one event")
    try:
        return decode_event(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Rejected(Prefix.INVALID, f"not one event's JSON: {error} (--text verifies a text)") from None


def _fetch_event(arguments: argparse.Namespace) -> Event:
    choice = read_choice(arguments)
    check_url(arguments.on, choice)
    return asyncio.run(fetch_note(arguments.on, arguments.note, route.read_timeout(arguments), choice))


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
        raise Rejected(Prefix.INVALID, f"no ring signature in this text: {_explain_missing(text)}")
    return {"valid": True, **describe_proof(proof.verify_claim(claim))}


def _explain_missing(text: str) -> str:
    """Return what to do about a text without a signature that can be read. It may have what was meant as one."""
    if "ringA" in text:
        return "what begins with ringA is cut, or broken by line ends; give it whole, on one line"
    if _HEX_SIGNATURE.search(text):
        return "c0 and s are not written as JSON; print them with JSON.stringify(signature)"
    return "give all of it, to the last letter of its signature"


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
    if arguments.on is not None and result["valid"]:
        result = {**result, "event": msgspec.to_builtins(event)}
    # Escaped to ASCII: nothing in it can steer a terminal.
    print(json.dumps(result))
