"""`ringrelay evidence`: a note and its verifier in one file, which runs from disk in ten years. Knows no relay's policy."""

import argparse
import asyncio
from pathlib import Path

import msgspec

from relay.client.commands.verify_bare import MAX_INPUT_BYTES
from relay.client.network import route
from relay.client.network.connect import check_url
from relay.client.network.fetch_note import fetch_note, parse_note_id
from relay.client.network.tor import read_choice
from relay.client.signing.verify_event import verify_note
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.notices import print_notice, to_printable
from relay.pages.evidence_file import build_evidence, list_languages
from relay.protocol.event import Event, decode_event, encode_event
from relay.protocol.refusal import Prefix, Rejected

_DESCRIPTION = """\
Write a page that holds a ring-signed note and a verifier. It verifies itself in a browser, from disk, without a network.

  ringrelay evidence note.json
  ringrelay evidence nevent1... --relay wss://relay.example.com     no other host is asked

The note is verified first. What is not valid makes no file. Anyone can forge a page that says TRUE: pass on the JSON in it,
which any verifier takes.

exit status: 0 written, 1 not valid, 2 wrong usage, or the note could not be fetched
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `ringrelay evidence`."""
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "note", metavar="NOTE|FILE", help="nevent1..., note1... or an id with --relay; else a file with an event's JSON"
    )
    parser.add_argument("--relay", metavar="URL", help="the relay to fetch the note from, ws://... or wss://...")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the page to write (default: evidence-ID.html)")
    parser.add_argument("--language", choices=list_languages(), default="en", help="the page's language")
    route.add_arguments(parser)


def run_evidence(arguments: argparse.Namespace) -> int:
    """Write the page of a note that verified. Raises BadInput on wrong usage."""
    event = _read_file(Path(arguments.note)) if arguments.relay is None else _fetch_event(arguments)
    try:
        verify_note(event)
    except Rejected as rejected:
        reason = to_printable(str(rejected).removeprefix(f"{Prefix.INVALID}: "))
        print_notice(f"FALSE: {reason}; nothing was written")
        return 1
    path = arguments.out or Path(f"evidence-{event.id[:16]}.html")
    _write_new(path, build_evidence(encode_event(event), arguments.language))
    print(path)
    return 0


def _fetch_event(arguments: argparse.Namespace) -> Event:
    note_id = parse_note_id(arguments.note)
    choice = read_choice(arguments)
    check_url(arguments.relay, choice)
    return asyncio.run(fetch_note(arguments.relay, note_id, route.read_timeout(arguments), choice))


def _read_file(path: Path) -> Event:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_INPUT_BYTES + 1)
    except OSError as error:
        # Somebody may have meant a note of a relay, or given a secret key by mistake: what was given is not repeated.
        raise BadInput(
            f"no such file ({error.strerror}): name a file with the note's JSON, or say with --relay URL where the note is"
        ) from None
    if len(raw) > MAX_INPUT_BYTES:
        raise BadInput(f"the file holds more than {MAX_INPUT_BYTES} bytes: give one note")
    try:
        return decode_event(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadInput(f"the file is not one event's JSON: {to_printable(str(error))}") from None


def _write_new(path: Path, page: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(page)
    except FileExistsError:
        raise BadInput("there is such a file already: delete it, or name another with --out FILE") from None
    except OSError as error:
        raise BadInput(f"cannot write the page: {error.strerror}") from None
