"""`ringrelay publish`: sends events to a relay and says what became of each. Knows nothing of rings.

Stdout holds one line an event, for programs; stderr what a person should know or do. What a relay says is untrusted.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator

import msgspec

from relay.client.commands import sign_options
from relay.client.commands.publish_signed import sign_and_publish
from relay.client.network import pay, route
from relay.client.network.connect import NOT_A_URL, check_url
from relay.client.network.deliver import Reporter, find_exit_status, send_events, warn_of_size
from relay.client.network.relay_connection import Destination
from relay.client.signing import keys
from relay.client.terminal import anonymity_notice
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.notices import print_notice, print_warning
from relay.protocol.event import Event, decode_event

MAX_LINE_BYTES = 16 * 2**20
# A list of faults that is longer tells nobody more.
_MAX_SHOWN_FAULTS = 20
READS = "The events are read from stdin: ringrelay publish URL < note.json"

_DESCRIPTION = """\
Send events, read from stdin one JSON object a line, to a relay, and print one line for each:

  <id> accepted [text]      the relay keeps it
  <id> refused <reason>     the relay does not; what to do is explained on stderr ("here: ..." is this program's own reason)
  <id> unpaid <page>        the relay publishes it once it is paid for, and reported no payment so far
  <id> unanswered <why>     the relay did not say

  ringrelay publish wss://relay.example.com --tor < note.json

With --ring, stdin is a message instead: it is signed as `ringrelay sign` would, and sent. If the relay asks for proof of
work, it is mined and the note sent again: only the process that signed it can do so.

  ringrelay publish wss://relay.example.com --tor --ring ring.txt --key-file me.key < note.txt

Where a relay asks for payment, the amount and the invoice are shown on stderr, and no other amount than the invoice's
own. The relay publishes the note when it is paid, from whatever wallet, whether this program still waits or not; it
waits for that, --wait seconds at most, and calls again if the connection is lost. --max-sat N takes dearer ones as
refused. With --invoice-only, stdout holds nothing but the invoice of what is to be paid for, for a program that pays:

  ringrelay publish wss://relay.example.com/10k --tor --invoice-only --max-sat 10000 < note.json

Stdin is read to its end before the relay is called. All events of one run travel over one connection, which tells
the relay that they belong together: notes that should not be linked are better published in a run each.

What is sent is padded with white space to 4, 16, 64 or 256 KiB, so that its size says little about it. Neither the
program's name nor anything else about you is sent along, but the relay sees your address. With --tor it sees Tor's:
each connection has a circuit of its own, Tor looks the relay's name up, and where there is no Tor nothing is sent.
Without --tor a proxy in the environment (ALL_PROXY=socks5h://...) is used and never gone around.

exit status: 0 all accepted, or with --invoice-only accepted or priced; 1 some refused, unpaid or not events;
2 wrong usage, no connection, or some unanswered; 130 interrupted
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `ringrelay publish`."""
    parser.description = _DESCRIPTION
    parser.epilog = anonymity_notice.ANONYMITY_NOTICE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("url", metavar="URL", help="the relay's address, ws://... or wss://...")
    parser.add_argument("--no-padding", action="store_true", help="for relays that refuse padded messages as too long")
    pay.add_arguments(parser)
    route.add_arguments(parser)
    anonymity_notice.add_arguments(parser)
    note = parser.add_argument_group("sign and publish", "with --ring, the options of `ringrelay sign`:")
    sign_options.add_note_arguments(note, is_ring_required=False)


def run_publish(arguments: argparse.Namespace) -> int:
    """Send what stdin holds: events, or with --ring the words of a note to sign. Raises BadInput."""
    destination = _read_destination(arguments)
    terms = pay.read_terms(arguments)
    if arguments.no_padding:
        print_warning("--no-padding shows the size of the note to whoever watches the line")
    if arguments.ring is not None:
        return sign_and_publish(arguments, destination, terms)
    _check_no_note_options(arguments)
    return _publish_events(destination, terms)


def _read_destination(arguments: argparse.Namespace) -> Destination:
    tor = route.read_tor(arguments)
    if not arguments.url.startswith(("ws://", "wss://")):
        raise BadInput(f"{NOT_A_URL}\n{READS}")
    check_url(arguments.url, tor)
    return Destination(arguments.url, route.read_timeout(arguments), not arguments.no_padding, tor)


def _check_no_note_options(arguments: argparse.Namespace) -> None:
    """Refuse options of a note where none is signed: who gives them believes that they do something."""
    given = sign_options.list_given(arguments)
    if given:
        raise BadInput(f"{', '.join(given)}: belongs to signing: add --ring FILE, or leave it out")


def _publish_events(destination: Destination, terms: pay.PaymentTerms) -> int:
    events, is_clean = _read_events()
    if not events:
        raise BadInput("no event on stdin: pipe one in, for example from `ringrelay sign`")
    if len(events) > 1:
        print_warning("the relay sees that these events come from one place; to keep notes apart, publish one a run")
    warn_of_size(events)
    answers = asyncio.run(send_events(destination, events, terms, Reporter(terms.is_invoice_only).report_result))
    return max(find_exit_status(answers), 0 if is_clean else 1)


def _read_events() -> tuple[list[Event], bool]:
    """Return the events of stdin and whether every line was one; the others are reported by their number.

    Raises BadInput where an event is spread over lines, as tools for people print it.
    """
    events: list[Event] = []
    faults = 0
    for number, line in enumerate(_read_lines(), start=1):
        if not line.strip():
            continue
        if line.strip() in (b"{", b"["):
            raise BadInput(
                f"line {number}: JSON over several lines: put each event on one (`jq -c .`; a list: `jq -c '.[]'`)"
            )
        try:
            events.append(_parse_line(line))
        except BadInput as fault:
            faults += 1
            if faults <= _MAX_SHOWN_FAULTS:
                print_notice(f"line {number}: {fault}")
    if faults > _MAX_SHOWN_FAULTS:
        print_notice(f"{faults - _MAX_SHOWN_FAULTS} more lines: not sent")
    return events, faults == 0


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
