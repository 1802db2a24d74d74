"""`ringrelay publish`: sends events to a relay and says what became of each. Knows nothing of rings.

Stdout holds one line an event, for programs; stderr what a person should know or do. What a relay says is untrusted.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator

import msgspec

from relay.client import keys
from relay.client.frame import FRAME_SIZES, make_frame
from relay.client.keys import BadInput
from relay.client.send import send_all
from relay.client.terminal import tell, warn
from relay.event import Event, decode_event

MAX_LINE_BYTES = 16 * 2**20
READS = "The events are read from stdin: ringrelay publish URL < note.json"

_DESCRIPTION = """\
Send events, read from stdin one JSON object a line, to a relay, and print one line for each:

  <id> accepted [text]      the relay keeps it
  <id> refused <reason>     the relay does not; what to do is explained on stderr
  <id> unanswered <why>     the relay did not say

Stdin is read to its end before the relay is called. All events of one run travel over one connection, which tells
the relay that they belong together: notes that should not be linked are better published in a run each.

What is sent is padded with white space to 4, 16, 64 or 256 KiB,
so that its size says little about it. Neither the program's name nor anything else about you is sent along, but the
relay sees your address. With ALL_PROXY=socks5h://127.0.0.1:9050 in the environment it sees Tor's; a proxy named
there is never gone around.

  ringrelay publish wss://relay.example.com < note.json

exit status: 0 all accepted, 1 some refused or not events, 2 wrong usage, no connection, or some unanswered
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `ringrelay publish`."""
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("url", metavar="URL", help="the relay's address, ws://... or wss://...")
    parser.add_argument(
        "--timeout", type=float, default=30.0, metavar="SECONDS", help="how long to wait for each answer (default 30)"
    )
    parser.add_argument("--no-padding", action="store_true", help="for relays that refuse padded messages as too long")


def run(arguments: argparse.Namespace) -> int:
    """Read the events, send them, report. Raises BadInput."""
    if not arguments.url.startswith(("ws://", "wss://")):
        raise BadInput(f"the relay's URL begins with ws:// or wss://\n{READS}")
    if not arguments.timeout > 0:
        raise BadInput("--timeout takes seconds, more than 0")
    if arguments.no_padding:
        warn("--no-padding shows the size of the note to whoever watches the line")
    events, is_clean = _read_events()
    if not events:
        raise BadInput("no event on stdin: pipe one in, for example from `ringrelay sign`")
    if len(events) > 1:
        warn("the relay sees that these events come from one place; to keep notes apart, publish one a run")
    if any(len(make_frame(event).encode()) > FRAME_SIZES[-1] for event in events):
        warn(f"messages of more than {FRAME_SIZES[-1]} bytes are not padded, and many relays refuse them")
    answers = asyncio.run(send_all(arguments.url, events, arguments.timeout, not arguments.no_padding))
    outcomes = {answer.outcome for answer in answers}
    if "unanswered" in outcomes:
        return 2
    return 0 if outcomes == {"accepted"} and is_clean else 1


def _read_events() -> tuple[list[Event], bool]:
    """Return the events of stdin and whether every line was one; the others are reported by their number."""
    events: list[Event] = []
    is_clean = True
    for number, line in enumerate(_read_lines(), start=1):
        if not line.strip():
            continue
        try:
            events.append(_parse_line(line))
        except BadInput as fault:
            is_clean = False
            tell(f"line {number}: {fault}")
    return events, is_clean


def _read_lines() -> Iterator[bytes]:
    if sys.stdin.isatty():
        print("Paste events, one a line; end with Ctrl-D on a line of its own.", file=sys.stderr)
    while line := sys.stdin.buffer.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES:
            raise BadInput(f"stdin has a line of more than {MAX_LINE_BYTES} bytes: give it events, one a line")
        yield line


def _parse_line(line: bytes) -> Event:
    try:
        event = decode_event(line)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise BadInput("not sent, it is not an event: each line must be one whole event, as JSON") from None
    if keys.holds_secret_key("\n".join([event.content, *(part for tag in event.tags for part in tag)])):
        raise BadInput("not sent, it holds a secret key (nsec): make the note again without it")
    return event
