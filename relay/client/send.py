"""Sending events over a connection: each is sent, answered, reported, and a refusal explained. Knows no command line."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from relay.client.connect import TOO_BIG, connect, explain_close, is_closed_here
from relay.client.frame import FRAME_SIZES, make_frame
from relay.client.terminal import tell, to_printable
from relay.event import Event

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.exceptions import ConnectionClosed

ADVICE = {
    "duplicate": "the relay has this note, or one that takes its place: nothing is left to do",
    "pow": "sign again with --pow and as many bits as the relay asks for",
    "blocked": "the relay does not take such a note, or not from such a ring: read its terms, or try another relay",
    "rate-limited": "wait a minute, then publish the refused ones again",
    "invalid": "the relay's text names the fault: mend it and sign again (`ringrelay verify` knows no relay's policy)",
    "restricted": "the relay asks for something first, a payment perhaps: its text says what",
    "mute": "the relay took the note and shows it to nobody: try another relay",
    "error": "the fault is the relay's: publish the same note again later",
    "auth-required": "do not log in: that would tell the relay who posts. Try another relay",
}

Outcome = Literal["accepted", "refused", "unanswered"]


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold what a relay said to one event; the text is safe to print."""

    outcome: Outcome
    text: str


async def send_all(url: str, events: list[Event], timeout_s: float, is_padded: bool) -> list[Answer]:
    """Send the events one after the other and report each; once the connection is gone, the rest is unanswered."""
    from websockets.exceptions import ConnectionClosed

    connection = await connect(url, timeout_s)
    answers: list[Answer] = []
    explained: set[str] = set()
    closed: str | None = None
    try:
        for event in events:
            if closed is None:
                try:
                    answer = await _send(connection, event, timeout_s, is_padded)
                except ConnectionClosed as error:
                    closed = explain_close(error)
                    _advise_on_size(error, event, is_padded)
            if closed is not None:
                answer = Answer("unanswered", closed)
            _report(event, answer, explained)
            answers.append(answer)
    finally:
        await connection.close()
    return answers


async def _send(connection: "ClientConnection", event: Event, timeout_s: float, is_padded: bool) -> Answer:
    """Send one event and wait for its OK. Raises ConnectionClosed."""
    try:
        async with asyncio.timeout(timeout_s):
            await connection.send(make_frame(event, is_padded))
            while True:
                answer = _read_message(await connection.recv(decode=False), event.id)
                if answer is not None:
                    return answer
    except TimeoutError:
        return Answer("unanswered", f"no answer within {timeout_s:g} s")


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


def _report(event: Event, answer: Answer, explained: set[str]) -> None:
    print(f"{event.id} {answer.outcome} {answer.text}".rstrip(), flush=True)
    if answer.outcome == "refused":
        prefix = answer.text.partition(":")[0]
        if prefix in ADVICE and prefix not in explained:
            explained.add(prefix)
            tell(f"{prefix}: {ADVICE[prefix]}")


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
