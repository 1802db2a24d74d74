"""`ringrelay publish`: sends events to a relay and prints the result of each. Knows nothing of rings.

Stdout holds one line an event, for programs; stderr what a person should know or do. What a relay sends is untrusted.
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator

import msgspec

from relay.client.commands import sign_options
from relay.client.commands.publish_signed import sign_and_publish
from relay.client.network import delay, pay, route
from relay.client.network.connect import NOT_A_URL, check_url
from relay.client.network.deliver import Reporter, find_exit_status, send_events, warn_of_size
from relay.client.network.relay_connection import Destination
from relay.client.network.tor import read_choice
from relay.client.signing import keys
from relay.client.terminal import anonymity_notice
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.notices import print_notice, print_warning
from relay.client.terminal.stdin import check_whole
from relay.protocol.event import Event, decode_event

MAX_LINE_BYTES = 16 * 2**20
# A longer list helps no one.
_MAX_SHOWN_FAULTS = 20
READS = "The events are read from stdin: ringrelay publish URL < note.json"

_DESCRIPTION = """\
Send events, read from stdin one JSON object a line, to a relay, and print one line for each:

  <id> accepted [text]      the relay keeps it
  <id> refused <reason>     it does not; stderr explains what to do ("here: ..." is this program's own reason)
  <id> unpaid <page>        the relay publishes it once it is paid for, and has reported no payment yet
  <id> unanswered <why>     the relay gave no answer

  ringrelay publish wss://relay.example.com < note.json

With --ring, stdin is a message instead: it is signed as `ringrelay sign` would, and sent. If the relay asks for proof of
work, the program mines it and sends the note again. Only the process that signed a note can do so.

  ringrelay publish wss://relay.example.com --ring ring.txt --key-file me.key < note.txt

Where a relay asks for payment, stderr shows the invoice and its amount. The relay publishes the note when it is paid,
from any wallet, even if this program has ended. The program waits for --wait seconds at most, and connects again if
the connection is lost. With --max-sat N a higher price counts as refused. With --invoice-only, stdout holds the
invoice alone, for a program that pays:

  ringrelay publish wss://relay.example.com/10k --invoice-only --max-sat 10000 < note.json

Stdin is read to its end before the relay is called. All events of one run use one connection, which tells the relay
that they belong together: publish notes that should not be linked in a run each.

Messages are padded with white space to 4, 16, 64 or 256 KiB, so that their size says little. The program sends
neither its name nor anything else about you, but without Tor the relay sees your address. So where Tor answers on this
machine (127.0.0.1:9050, or Tor Browser's 9150) every connection goes through it, on a circuit of its own, and Tor looks
up the relay's name. Where it does not, a person is asked, and a script is refused without --no-tor. A proxy in the
environment (ALL_PROXY=socks5h://...) comes before that. With --delay 2, nobody who saw you write can tell when it was sent.

exit status: 0 all accepted, or with --invoice-only accepted or priced; 1 some refused, unpaid or not events;
2 wrong usage, no connection, or some unanswered; 130 interrupted
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `ringrelay publish`."""
    parser.description = _DESCRIPTION
    parser.epilog = anonymity_notice.ANONYMITY_NOTICE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("url", metavar="URL", help="the relay's address, ws://... or wss://...")
    delay.add_arguments(parser)
    parser.add_argument("--no-padding", action="store_true", help="for relays that refuse padded messages as too long")
    pay.add_arguments(parser)
    route.add_arguments(parser)
    anonymity_notice.add_arguments(parser)
    note = parser.add_argument_group("sign and publish", "with --ring, the options of `ringrelay sign`:")
    sign_options.add_note_arguments(note, is_ring_required=False)


def run_publish(arguments: argparse.Namespace) -> int:
    """Send what stdin holds: events, or with --ring the message of a note to sign. Raises BadInput."""
    destination = _read_destination(arguments)
    terms = pay.read_terms(arguments)
    if arguments.no_padding:
        print_warning("--no-padding shows the size of the note to anyone who watches your connection")
    if arguments.ring is not None:
        return sign_and_publish(arguments, destination, terms)
    _check_no_note_options(arguments)
    return _publish_events(destination, terms)


def _read_destination(arguments: argparse.Namespace) -> Destination:
    choice = read_choice(arguments)
    if not arguments.url.startswith(("ws://", "wss://")):
        raise BadInput(f"{NOT_A_URL}\n{READS}")
    check_url(arguments.url, choice)
    return Destination(
        arguments.url,
        route.read_timeout(arguments),
        choice,
        is_padded=not arguments.no_padding,
        mean_delay_s=delay.read_mean_s(arguments),
    )


def _check_no_note_options(arguments: argparse.Namespace) -> None:
    """Refuse the options of a note where none is signed, as they would do nothing."""
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
    delay.wait(destination.mean_delay_s)
    results = asyncio.run(send_events(destination, events, terms, Reporter(terms.is_invoice_only).report_result))
    return max(find_exit_status(results), 0 if is_clean else 1)


def _read_events() -> tuple[list[Event], bool]:
    """Return the events of stdin, and whether every line was one. Other lines are reported by their number.

    Raises BadInput where an event is spread over several lines.
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
        except BadInput as error:
            faults += 1
            if faults <= _MAX_SHOWN_FAULTS:
                print_notice(f"line {number}: {error}")
    if faults > _MAX_SHOWN_FAULTS:
        print_notice(f"{faults - _MAX_SHOWN_FAULTS} more lines: not sent")
    return events, faults == 0


def _read_lines() -> Iterator[bytes]:
    if sys.stdin.isatty():
        print("Paste events, one a line; end with Ctrl-D on a line of its own.", file=sys.stderr)
    while line := sys.stdin.buffer.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES:
            raise BadInput(f"stdin has a line of more than {MAX_LINE_BYTES} bytes: give it events, one a line")
        check_whole(line)
        yield line


def _parse_line(line: bytes) -> Event:
    try:
        event = decode_event(line)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise BadInput("not sent, it is not an event: each line must be one whole event, as JSON") from None
    words = "\n".join([event.content, *(part for tag in event.tags for part in tag)])
    if keys.holds_secret_key(words):
        raise BadInput("not sent, it holds a secret key (nsec): make the note again without it")
    if keys.holds_encrypted_key(words):
        raise BadInput("not sent, it holds an encrypted secret key (ncryptsec): make the note again without it")
    return event
