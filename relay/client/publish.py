"""`ringrelay publish`: sends events to a relay and says what became of each. Knows nothing of keys or rings.

Stdout holds one line an event, for programs; stderr what a person should know or do. What a relay says is untrusted.
"""

import argparse
import asyncio
import shlex
import ssl
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.request import getproxies

import msgspec

from relay.client import keys
from relay.client.keys import BadInput
from relay.event import Event, decode_event, encode_event

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.exceptions import ConnectionClosed

# Whoever watches the line sees the size of what was sent. Four sizes for all notes tell them little.
FRAME_SIZES = (4 * 1024, 16 * 1024, 64 * 1024, 256 * 1024)
MAX_LINE_BYTES = 16 * 2**20
# Room for a lightning invoice in a reason, not for a flood.
MAX_SHOWN_CHARS = 2_000
READS = "The events are read from stdin: ringrelay publish URL < note.json"

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

_BAD_URL = "this is not a relay's URL: it looks like wss://relay.example.com"
_TOO_BIG = 1009  # RFC 6455, 7.4.1: message too big

Outcome = Literal["accepted", "refused", "unanswered"]


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold what a relay said to one event; the text is safe to print."""

    outcome: Outcome
    text: str


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
        _tell("warning: --no-padding shows the size of the note to whoever watches the line")
    events, is_clean = _read_events()
    if not events:
        raise BadInput("no event on stdin: pipe one in, for example from `ringrelay sign`")
    if len(events) > 1:
        _tell("warning: the relay sees that these events come from one place; to keep notes apart, publish one a run")
    if any(len(make_frame(event).encode()) > FRAME_SIZES[-1] for event in events):
        _tell(f"warning: messages of more than {FRAME_SIZES[-1]} bytes are not padded, and many relays refuse them")
    answers = asyncio.run(_publish(arguments.url, events, arguments.timeout, not arguments.no_padding))
    outcomes = {answer.outcome for answer in answers}
    if "unanswered" in outcomes:
        return 2
    return 0 if outcomes == {"accepted"} and is_clean else 1


def make_frame(event: Event, is_padded: bool = True) -> str:
    """Return the EVENT message, with white space after it up to the next of FRAME_SIZES bytes; none beyond the last."""
    frame = b'["EVENT",' + encode_event(event) + b"]"
    size = next((size for size in FRAME_SIZES if len(frame) <= size), 0) if is_padded else 0
    return frame.ljust(size).decode()


def to_printable(text: str) -> str:
    """Return a stranger's text on one line, without what could steer a terminal or reorder what is read."""
    # Categories C*: control, format (bidirectional marks too), surrogates, unassigned. Zl and Zp: line separators.
    is_safe = (not unicodedata.category(char).startswith(("C", "Zl", "Zp")) for char in text[:MAX_SHOWN_CHARS])
    return "".join(char if safe else " " for char, safe in zip(text, is_safe, strict=False)).strip()


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
            _tell(f"line {number}: {fault}")
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


async def _publish(url: str, events: list[Event], timeout_s: float, is_padded: bool) -> list[Answer]:
    """Send the events one after the other and report each; once the connection is gone, the rest is unanswered."""
    # Imported here: the commands that need no network start without it.
    from websockets.exceptions import ConnectionClosed

    connection = await _connect(url, timeout_s)
    answers: list[Answer] = []
    explained: set[str] = set()
    closed: str | None = None
    try:
        for event in events:
            if closed is None:
                try:
                    answer = await _send(connection, event, timeout_s, is_padded)
                except ConnectionClosed as error:
                    closed = _explain_close(error)
                    _advise_on_size(error, event, is_padded)
            if closed is not None:
                answer = Answer("unanswered", closed)
            _report(event, answer, explained)
            answers.append(answer)
    finally:
        await connection.close()
    return answers


async def _connect(url: str, timeout_s: float) -> "ClientConnection":
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidProxy, InvalidURI, WebSocketException

    try:
        # Compression is off for the padding to count, and no header tells what program this is.
        return await connect(
            url,
            compression=None,
            user_agent_header=None,
            # websockets reads the other variables; ALL_PROXY, which Tor's users set, it would silently pass over.
            proxy=getproxies().get("all", True),
            open_timeout=timeout_s,
            close_timeout=5,
        )
    except InvalidProxy:
        raise BadInput("the proxy in the environment is no URL such as socks5h://127.0.0.1:9050: correct it") from None
    except InvalidURI as error:
        # Where the relay redirects to is checked too; the usual one is from plain HTTP to https://.
        raise BadInput(_BAD_URL if error.uri == url else _describe_failure(url, error)) from None
    except ImportError:
        # This very Python: what `pip` means elsewhere may be another one.
        install = f"{shlex.quote(sys.executable)} -m pip install 'python-socks[asyncio]'"
        raise BadInput(f"the proxy in the environment needs a package that is missing: run `{install}`") from None
    except TimeoutError:
        raise BadInput(
            f"the relay did not answer within {timeout_s:g} s: check the URL, ws:// or wss:// too, or try again later"
        ) from None
    # Before ValueError, as a certificate that does not verify is both.
    except (OSError, WebSocketException) as error:
        raise BadInput(_describe_failure(url, error)) from None
    except ValueError:
        raise BadInput(_BAD_URL) from None


def _describe_failure(url: str, error: Exception) -> str:
    reason = to_printable(str(error)) or type(error).__name__
    return f"no connection to the relay ({reason}): check that it runs at this URL{_hint_at_scheme(url, error)}"


def _hint_at_scheme(url: str, error: Exception) -> str:
    """Return what to try where one side probably spoke TLS and the other did not, "" where another cause is likelier."""
    from websockets.exceptions import InvalidMessage, InvalidStatus, InvalidURI

    is_refused = isinstance(error, ConnectionRefusedError | ssl.SSLCertVerificationError)
    if url.startswith("wss://"):
        # A plain server takes the TLS greeting for a broken request: it answers in plain text, or hangs up.
        is_mixed = isinstance(error, ssl.SSLError | ConnectionError) and not is_refused
        return (
            "; if it speaks no TLS, as a relay on your own machine may, its URL begins with ws://" if is_mixed else ""
        )
    # A TLS server answers a plain request with an alert, hangs up, says 400, or redirects to https://.
    is_mixed = isinstance(error, InvalidMessage | InvalidURI | ConnectionResetError)
    is_mixed |= isinstance(error, InvalidStatus) and error.response.status_code == 400
    return "; if it speaks TLS, its URL begins with wss://" if is_mixed else ""


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
            _tell(f"the relay says: {to_printable(text)}")
    return None


def _report(event: Event, answer: Answer, explained: set[str]) -> None:
    print(f"{event.id} {answer.outcome} {answer.text}".rstrip(), flush=True)
    if answer.outcome == "refused":
        prefix = answer.text.partition(":")[0]
        if prefix in ADVICE and prefix not in explained:
            explained.add(prefix)
            _tell(f"{prefix}: {ADVICE[prefix]}")


def _explain_close(error: "ConnectionClosed") -> str:
    if _is_closed_here(error):
        return f"the connection was given up here ({error.sent})"
    frame = error.rcvd
    if frame is None:
        return "the connection broke"
    if frame.code == _TOO_BIG:
        return f"the relay closed the connection: message too big ({_TOO_BIG})"
    return f"the relay closed the connection ({frame.code} {to_printable(frame.reason)})".replace(" )", ")")


def _advise_on_size(error: "ConnectionClosed", event: Event, is_padded: bool) -> None:
    """Say what to do where the event was too big for the relay, or probably was."""
    if _is_closed_here(error):
        return
    bare, sent = (len(make_frame(event, padded).encode()) for padded in (False, is_padded))
    if error.rcvd is None:
        # Some servers hang up without a word on what is too big for them.
        if sent > FRAME_SIZES[-1]:
            _tell(f"a message of {sent} bytes is more than many relays take: shorten the note")
    elif error.rcvd.code == _TOO_BIG:
        if sent > bare:
            _tell(f"too big: try --no-padding, which sends {bare} bytes, not {sent}; if that fails, shorten the note")
        else:
            _tell(f"too big: shorten the note, its message has {sent} bytes")


def _is_closed_here(error: "ConnectionClosed") -> bool:
    # A relay repeats the code it was sent (RFC 6455, 5.5.1): its 1009 can mean that its own message was too big for us.
    return error.sent is not None and not error.rcvd_then_sent


def _tell(text: str) -> None:
    print(text, file=sys.stderr)
