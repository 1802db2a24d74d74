"""`ringrelay subscribe`: verifies the notes that a relay sends, and prints them. Trusts no relay."""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from relay.client.commands import subscribe_options
from relay.client.network import route
from relay.client.network.connect import check_url, open_websocket
from relay.client.network.feed import stream_feeds
from relay.client.network.subscription import Signal, stream_events
from relay.client.network.tor import TorChoice, read_choice
from relay.client.signing.verify_event import verify_event
from relay.client.terminal import format_note
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.notices import print_notice
from relay.protocol.event import Event
from relay.protocol.refusal import Rejected

if TYPE_CHECKING:
    from relay.client.network.subscribe_filter import Asked

# Room for a ring of about ten thousand members; more would block this process for seconds.
MAX_NOTE_BYTES = 2 * 2**20
_NOT_AN_EVENT = "not an event"
_NOT_ASKED_FOR = "not what was asked for (a relay without ring search may send all it has)"

_DESCRIPTION = """\
Print a relay's notes, first the stored ones, then new ones, until interrupted. Each is verified here. A forged note, or
one that was not asked for, is not printed: stderr says how many there were, and why.

  ringrelay subscribe wss://relay.example.com --min-ring 10
  ringrelay subscribe wss://relay.example.com --stored --kind 1 --limit 20 --json | jq .event.content

Without --stored, the stored notes are those that the relay sends at once, the newest.

On a terminal a note is a line of columns. Otherwise, or with --json, it is a line of JSON: {"event": ..., "proof":
{"form", "scheme", "dialect", "binding", "ring_size", "ring_id", "key_image", "scope", "signed_text"}}.

The relay sees the address of its readers, too, so Tor is used where it answers on this machine.

exit status: 0 all notes verify, 1 some do not, 2 wrong usage, no connection, or a lost one; 130 interrupted
"""


@dataclass(frozen=True, slots=True)
class _Printer:
    """A printer of verified events, with counts of the others by reason."""

    asked: "Asked"
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
        """Return the line to print, None for an event that is only counted. Raises Rejected."""
        if not isinstance(found, Event):
            self._count_refused(_NOT_AN_EVENT)
            return None
        proof = verify_event(found)
        matching = self.asked.find_matching(found, proof)
        if not matching:
            self._count_refused(_NOT_ASKED_FOR)
            return None
        if not self.asked.take_room(matching):
            return None
        if proof is None and not self.shows_plain:
            self.hidden["plain events (--plain shows them)"] += 1
            return None
        return format_note.format_json(found, proof) if self.is_json else format_note.format_columns(found, proof)

    def _count_refused(self, reason: str) -> None:
        # The reasons are constants: there are few, and nothing that a relay sends is repeated.
        self.refused[reason] += 1
        if self.refused[reason] == 1:
            print_notice(f"not shown: {reason}")

    def print_summary(self) -> None:
        """Print on stderr how many events were not shown, by reason."""
        for reason, count in [*self.refused.items(), *self.hidden.items()]:
            print_notice(f"{count} not shown: {reason}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `ringrelay subscribe`."""
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("url", metavar="URL", help="the relay's address, ws://... or wss://...")
    subscribe_options.add_arguments(parser)
    parser.add_argument(
        "--stored", action="store_true", help="print all that the relay has stored, page after page, and end"
    )
    parser.add_argument(
        "--plain", action="store_true", help="print events without a ring signature, too, and mark them"
    )
    lines = parser.add_mutually_exclusive_group()
    lines.add_argument("--json", action="store_true", help="print JSON on a terminal, too")
    lines.add_argument("--columns", action="store_true", help="print columns even if stdout is no terminal")
    route.add_arguments(parser)


def run_subscribe(arguments: argparse.Namespace) -> int:
    """Subscribe, and print notes until the end. Raises BadInput."""
    # Imported here: a relay's limits are slow to load, and no other command needs them.
    from relay.client.network.subscribe_filter import Asked, parse_asked_filter

    choice = read_choice(arguments)
    check_url(arguments.url, choice)
    timeout_s = route.read_timeout(arguments)
    asked = Asked([parse_asked_filter(filter_) for filter_ in subscribe_options.read_filters(arguments)])
    is_json = not arguments.columns and (arguments.json or sys.stdout is None or not sys.stdout.isatty())
    printer = _Printer(asked, is_json, arguments.plain)
    if not is_json:
        print(format_note.format_header(), flush=True)
    follow = _print_stored if arguments.stored else _print_all
    try:
        asyncio.run(follow(arguments.url, printer, timeout_s, choice))
    finally:
        printer.print_summary()
    return 1 if printer.refused else 0


async def _print_stored(url: str, printer: _Printer, timeout_s: float, choice: TorChoice) -> None:
    # Each filter is held to its limit where it is read, by itself.
    filters = [one.sent for one in printer.asked.filters]
    printer.asked.lift_limits()
    connection = await open_websocket(url, timeout_s, choice, MAX_NOTE_BYTES)
    try:
        async with _patience(timeout_s) as deadline, aclosing(stream_feeds(connection, filters)) as incoming:
            async for found in incoming:
                if not isinstance(found, Signal) or found is Signal.NO_EVENT:
                    printer.print_event(found)
                deadline.reschedule(asyncio.get_running_loop().time() + timeout_s)
    finally:
        await connection.close()


async def _print_all(url: str, printer: _Printer, timeout_s: float, choice: TorChoice) -> None:
    filters = [one.sent for one in printer.asked.filters]
    connection = await open_websocket(url, timeout_s, choice, MAX_NOTE_BYTES)
    try:
        async with _patience(timeout_s) as deadline, aclosing(stream_events(connection, filters)) as incoming:
            async for found in incoming:
                if not isinstance(found, Signal) or not found.ends_stored:
                    printer.print_event(found)
                else:
                    if found is Signal.MORE_STORED and not printer.asked.is_limited:
                        print_notice("the relay has older notes, too: --stored prints all of them")
                    printer.asked.lift_limits()
                    deadline.reschedule(None)
                if deadline.when() is not None:
                    deadline.reschedule(asyncio.get_running_loop().time() + timeout_s)
    finally:
        await connection.close()


@asynccontextmanager
async def _patience(timeout_s: float) -> AsyncIterator[asyncio.Timeout]:
    """Give up after this time, which can be put off. Raises BadInput."""
    try:
        async with asyncio.timeout(timeout_s) as deadline:
            yield deadline
    except TimeoutError:
        raise BadInput(f"the relay sent nothing for {timeout_s:g} s, nor the end of its stored notes") from None
