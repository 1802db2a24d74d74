"""Sending events over a connection: each is sent, answered, reported, and a refusal explained. Knows no command line."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import msgspec

from relay.client.advice import advise
from relay.client.connect import TOO_BIG, connect, explain_close, is_closed_here
from relay.client.frame import FRAME_SIZES, make_frame
from relay.client.route import Tor
from relay.client.terminal import tell, to_printable, warn
from relay.event import Event

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.exceptions import ConnectionClosed

Outcome = Literal["accepted", "refused", "unanswered"]


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold what a relay said to one event; the text is safe to print."""

    outcome: Outcome
    text: str


@dataclass(frozen=True, slots=True)
class Destination:
    """Hold where events go and how: by Tor, padded, with how much patience for each answer."""

    url: str
    timeout_s: float
    is_padded: bool = True
    tor: Tor | None = None


@dataclass(frozen=True, slots=True)
class Reporter:
    """Print what became of each event, and explain each kind of refusal once."""

    explained: set[str] = field(default_factory=set)

    def report(self, event: Event, answer: Answer) -> None:
        """Print the line of one event."""
        print_line(event, answer)
        advice = advise(answer.text) if answer.outcome == "refused" else None
        if advice is not None and advice not in self.explained:
            self.explained.add(advice)
            tell(f"{answer.text.partition(':')[0]}: {advice}")


def print_line(event: Event, answer: Answer) -> None:
    """Print what became of an event: its id, the outcome, the relay's text."""
    print(f"{event.id} {answer.outcome} {answer.text}".rstrip(), flush=True)


def warn_of_size(events: Sequence[Event]) -> None:
    """Warn of events whose messages are beyond the largest size that padding makes."""
    if any(len(make_frame(event).encode()) > FRAME_SIZES[-1] for event in events):
        warn(f"messages of more than {FRAME_SIZES[-1]} bytes are not padded, and many relays refuse them")


async def send_all(
    destination: Destination, events: Sequence[Event], report: Callable[[Event, Answer], None]
) -> list[Answer]:
    """Send the events one after the other and report each; once the connection is gone, the rest is unanswered."""
    from websockets.exceptions import ConnectionClosed

    connection = await connect(destination.url, destination.timeout_s, destination.tor)
    answers: list[Answer] = []
    closed: str | None = None
    try:
        for event in events:
            if closed is None:
                try:
                    answer = await _send(connection, event, destination)
                except ConnectionClosed as error:
                    closed = explain_close(error)
                    _advise_on_size(error, event, destination.is_padded)
            if closed is not None:
                answer = Answer("unanswered", closed)
            report(event, answer)
            answers.append(answer)
    finally:
        await connection.close()
    return answers


async def _send(connection: "ClientConnection", event: Event, destination: Destination) -> Answer:
    """Send one event and wait for its OK. Raises ConnectionClosed."""
    try:
        async with asyncio.timeout(destination.timeout_s):
            await connection.send(make_frame(event, destination.is_padded))
            while True:
                answer = _read_message(await connection.recv(decode=False), event.id)
                if answer is not None:
                    return answer
    except TimeoutError:
        return Answer("unanswered", f"no answer within {destination.timeout_s:g} s")


def _read_message(raw: bytes, event_id: str) -> Answer | None:
    """Return the OK to the event, or None for anything else; a NOTICE is shown."""
    try:
        message = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    match message:
        # NIP-01: ["OK", <id>, <true|false>, <message>]. Some relays leave the message out.
        case ["OK", str(answered), bool(is_accepted), *rest] if answered == event_id:
            text = rest[0] if rest and isinstance(rest[0], str) else ""
            return Answer("accepted" if is_accepted else "refused", to_printable(text))
        case ["NOTICE", str(text), *_]:
            tell(f"the relay says: {to_printable(text)}")
    return None


def _advise_on_size(error: "ConnectionClosed", event: Event, is_padded: bool) -> None:
    """Say what to do where the event was too big for the relay, or probably was."""
    if is_closed_here(error):
        return
    bare, sent = (len(make_frame(event, padded).encode()) for padded in (False, is_padded))
    if error.rcvd is None:
        # Some servers hang up without a word on what is too big for them.
        if sent > FRAME_SIZES[-1]:
            tell(f"a message of {sent} bytes is more than many relays take: shorten the note")
    elif error.rcvd.code == TOO_BIG:
        if sent > bare:
            tell(f"too big: try --no-padding, which sends {bare} bytes, not {sent}; if that fails, shorten the note")
        else:
            tell(f"too big: shorten the note, its message has {sent} bytes")
