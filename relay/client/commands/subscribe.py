"""`ringrelay subscribe`: prints notes as a relay sends them, each verified here first. The relay is not believed."""

import argparse
import asyncio
import sys
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relay.client.commands import subscribe_options
from relay.client.network import route
from relay.client.network.connect import check_url, open_websocket
from relay.client.network.route import Tor
from relay.client.network.subscription import Signal, stream_events
from relay.client.signing.verify_event import verify_event
from relay.client.terminal import format_note
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.notices import print_notice
from relay.protocol.event import Event
from relay.protocol.refusal import Rejected

if TYPE_CHECKING:
    from relay.client.network.subscribe_filter import AskedFilter

# Room for a ring of some ten thousand; more would hold this process up for seconds.
MAX_NOTE_BYTES = 2 * 2**20
_NOT_AN_EVENT = "not an event"
_NOT_ASKED_FOR = "not what was asked for (a relay without ring search may send all it has)"

_DESCRIPTION = """\
Print a relay's notes, those it has and then those that come, until interrupted. Each is verified here: what is forged, or
not what was asked for, is not printed, but counted on stderr, with the reason.

  ringrelay subscribe wss://relay.example.com --tor --min-ring 10
  ringrelay subscribe wss://relay.example.com --stored --kind 1 --limit 20 --json | jq .event.content

On a terminal a note is a line of columns; otherwise, or with --json, it is a JSON object on a line: {"event": ..., "proof":
{"form", "scheme", "dialect", "binding", "ring_size", "ring_id", "key_image", "scope", "signed_text"}}.

Whoever reads is seen by the relay, too: use --tor.

exit status: 0 all were genuine, 1 some were not, 2 wrong usage, no connection, or a lost one; 130 interrupted
"""


@dataclass(frozen=True, slots=True)
class _Printer:
    """How events are shown, and count those that are not, by reason."""

    asked: list["AskedFilter"]
    is_json: bool
    shows_plain: bool
    refused: Counter[str] = field(default_factory=Counter)
    hidden: Counter[str] = field(default_factory=Counter)

    def print_event(self, found: Event | Signal) -> None:
        """Verify an event and print it, or count it."""
        try:
            shown = self._format_event(found)
        except Rejected as rejected:
            self._count_refused(rejected.reason)
            return
        if shown is not None:
            print(shown, flush=True)

    def _format_event(self, found: Event | Signal) -> str | None:
        """Return the line to print, None where there is none. Raises Rejected."""
        from relay.client.network.subscribe_filter import is_asked_for

        if not isinstance(found, Event):
            self._count_refused(_NOT_AN_EVENT)
            return None
        proof = verify_event(found)
        if not is_asked_for(self.asked, found, proof):
            self._count_refused(_NOT_ASKED_FOR)
            return None
        if proof is None and not self.shows_plain:
            self.hidden["plain events (--plain shows them)"] += 1
            return None
        return format_note.format_json(found, proof) if self.is_json else format_note.format_columns(found, proof)

    def _count_refused(self, reason: str) -> None:
        # The reasons are constants: nothing that a relay sends is repeated, and there are not many.
        self.refused[reason] += 1
        if self.refused[reason] == 1:
            print_notice(f"not shown: {reason}")

    def print_summary(self) -> None:
        """Say on stderr what was not shown, and how often."""
        for reason, count in [*self.refused.items(), *self.hidden.items()]:
            print_notice(f"{count} not shown: {reason}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `ringrelay subscribe`."""
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("url", metavar="URL", help="the relay's address, ws://... or wss://...")
    subscribe_options.add_arguments(parser)
    parser.add_argument("--stored", action="store_true", help="end when all that the relay has stored is through")
    parser.add_argument("--plain", action="store_true", help="print events without a ring signature, too, marked so")
    lines = parser.add_mutually_exclusive_group()
    lines.add_argument("--json", action="store_true", help="JSON on a terminal, too")
    lines.add_argument("--columns", action="store_true", help="columns where there is no terminal, too")
    route.add_arguments(parser)


def run_subscribe(arguments: argparse.Namespace) -> int:
    """Subscribe and print until the end. Raises BadInput."""
    # Imported here: it knows a relay's limits, which are slow to load and of no use to other commands.
    from relay.client.network.subscribe_filter import parse_asked_filter

    tor = route.read_tor(arguments)
    check_url(arguments.url, tor)
    timeout_s = route.read_timeout(arguments)
    asked = [parse_asked_filter(filter_) for filter_ in subscribe_options.read_filters(arguments)]
    is_json = not arguments.columns and (arguments.json or sys.stdout is None or not sys.stdout.isatty())
    printer = _Printer(asked, is_json, arguments.plain)
    if not is_json:
        print(format_note.format_header(), flush=True)
    try:
        asyncio.run(_follow_subscription(arguments.url, printer, timeout_s, tor, is_live=not arguments.stored))
    finally:
        printer.print_summary()
    return 1 if printer.refused else 0


async def _follow_subscription(
    url: str, printer: _Printer, timeout_s: float, tor: Tor | None, *, is_live: bool
) -> None:
    connection = await open_websocket(url, timeout_s, tor, MAX_NOTE_BYTES)
    try:
        async with (
            asyncio.timeout(timeout_s) as deadline,
            aclosing(stream_events(connection, [one.sent for one in printer.asked])) as incoming,
        ):
            async for found in incoming:
                if found is not Signal.END_OF_STORED:
                    printer.print_event(found)
                elif not is_live:
                    return
                else:
                    deadline.reschedule(None)
                if deadline.when() is not None:
                    deadline.reschedule(asyncio.get_running_loop().time() + timeout_s)
    except TimeoutError:
        raise BadInput(f"the relay sent nothing for {timeout_s:g} s, nor the end of its stored notes") from None
    finally:
        await connection.close()
