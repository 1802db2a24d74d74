"""The messages of NIP-01, NIP-42, NIP-45, NIP-67 and NIP-77: parse what a client sends, encode what the relay answers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from relay.limits import Limits
from relay.protocol.event import Event, decode_event
from relay.protocol.filter import Filter, parse_filter
from relay.protocol.refusal import Prefix, Rejected


@dataclass(frozen=True, slots=True)
class Publish:
    """A request to store and pass on an event: `["EVENT", event]`."""

    event: Event


@dataclass(frozen=True, slots=True)
class Req:
    """A subscription to stored events, then to new ones: `["REQ", id, filter, ...]`."""

    subscription_id: str
    filters: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """A request for the number of matching stored events (NIP-45): `["COUNT", id, filter, ...]`."""

    subscription_id: str
    filters: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Close:
    """The end of a subscription: `["CLOSE", id]`."""

    subscription_id: str


@dataclass(frozen=True, slots=True)
class Auth:
    """The answer to a challenge (NIP-42): `["AUTH", event]`. This relay sends no challenge."""

    event: Event


@dataclass(frozen=True, slots=True)
class Negentropy:
    """A step of a sync (NIP-77): `["NEG-OPEN", id, filter, text]` or `["NEG-MSG", id, text]`. This relay offers none."""

    subscription_id: str


@dataclass(frozen=True, slots=True)
class NegentropyEnd:
    """The end of a sync (NIP-77): `["NEG-CLOSE", id]`."""


@dataclass(frozen=True, slots=True)
class CountResult:
    """The result of a COUNT: of notes, or of ring members, of whom each has one answer.

    `rings` maps ring ids to numbers of members, for answers that any ring may give.
    """

    count: int
    is_approximate: bool = False
    is_of_members: bool = False
    rings: dict[str, int] | None = None


class Hint(StrEnum):
    """What an EOSE says of the stored events that match (NIP-67): all were sent, or there are more."""

    FINISH = "finish"
    MORE = "more"


ClientMessage = Publish | Req | Count | Close | Auth | Negentropy | NegentropyEnd

# The members of a frame that follow its verb.
Parts = Sequence[msgspec.Raw]


class Malformed(Rejected):
    """The refusal of a frame that is not a message, and what the refusal is about.

    `subject` is the id of the event or of the query as the client gave it, whatever is wrong with it; None where there is
    no text to be one. It is given back whole, as its sender could not attribute a part of it, and is no longer than the
    message that it came in.
    """

    def __init__(self, prefix: Prefix, reason: str, *, verb: str = "", subject: str | None = None) -> None:
        super().__init__(prefix, reason)
        self.verb = verb
        self.subject = subject


# What msgspec raises for bad JSON: wrong shape, bad UTF-8 or lone surrogates, nesting deeper than the interpreter allows.
_BAD_JSON = (msgspec.DecodeError, UnicodeError, RecursionError)
_frame_decoder = msgspec.json.Decoder(list[msgspec.Raw])
_encode = msgspec.json.Encoder().encode
# For frames that begin like a message but are not JSON: half a surrogate pair, a bad number, nesting that is too deep.
# Possessive: a text that does not end is read once.
_TEXT = r'("[^"\\]*+(?:\\.[^"\\]*+)*+")'
_query_start = re.compile(rf'\s*\[\s*"(REQ|COUNT|CLOSE|NEG-OPEN|NEG-MSG)"\s*,\s*{_TEXT}', re.DOTALL)
_event_start = re.compile(r'\s*\[\s*"(EVENT|AUTH)"\s*,')
_event_id = re.compile(rf'"id"\s*:\s*{_TEXT}', re.DOTALL)


def split_frame(frame: str | bytes) -> tuple[str, Parts]:
    """Split a text frame into its verb and the rest; the verb is "" where there is none. Raises Malformed."""
    try:
        parts = _frame_decoder.decode(frame)
        verb = msgspec.json.decode(parts[0]) if parts else None
    except _BAD_JSON:
        raise _attribute_refusal(
            frame, 'a message must be a JSON array of Unicode text, such as ["REQ", "id", {}]'
        ) from None
    return (verb if isinstance(verb, str) else ""), parts[1:]


def parse_publish(parts: Parts, _: Limits) -> Publish:
    """Parse what follows the verb EVENT. Raises Malformed, as all parsers do."""
    return Publish(_parse_event("EVENT", parts))


def parse_auth(parts: Parts, _: Limits) -> Auth:
    """Parse what follows the verb AUTH."""
    return Auth(_parse_event("AUTH", parts))


def parse_req(parts: Parts, limits: Limits) -> Req:
    """Parse what follows the verb REQ."""
    return Req(*_parse_query("REQ", parts, limits))


def parse_count(parts: Parts, limits: Limits) -> Count:
    """Parse what follows the verb COUNT."""
    return Count(*_parse_query("COUNT", parts, limits))


def parse_close(parts: Parts, limits: Limits) -> Close:
    """Parse what follows the verb CLOSE."""
    return Close(_parse_subscription_id("CLOSE", parts, limits))


def parse_negentropy(parts: Parts, _: Limits) -> Negentropy:
    """Parse what follows the verb NEG-OPEN or NEG-MSG, as far as is needed to refuse it."""
    subscription_id = _read_text(parts[0]) if parts else None
    if subscription_id is None:
        raise Malformed(Prefix.INVALID, "the subscription id must be a string")
    return Negentropy(subscription_id)


def parse_negentropy_end(_: Parts, __: Limits) -> NegentropyEnd:
    """Parse what follows the verb NEG-CLOSE."""
    return NegentropyEnd()


def _attribute_refusal(frame: str | bytes, reason: str) -> Malformed:
    """Return the refusal of a frame that cannot be parsed, attributed by the frame's beginning to an event or a query."""
    text = frame.decode(errors="replace") if isinstance(frame, bytes) else frame
    if (query := _query_start.match(text)) is not None:
        return Malformed(Prefix.INVALID, reason, verb=query[1], subject=_read_text(query[2]))
    if (start := _event_start.match(text)) is not None and (event_id := _event_id.search(text)) is not None:
        return Malformed(Prefix.INVALID, reason, verb=start[1], subject=_read_text(event_id[1]))
    return Malformed(Prefix.INVALID, reason)


def _parse_event(verb: str, parts: Parts) -> Event:
    if len(parts) != 1:
        # The first, or what is behind a subscription id, as in what relays send. No more of thousands is read.
        event_id = next((found for part in parts[:2] if (found := _find_event_id(part)) is not None), None)
        raise Malformed(
            Prefix.INVALID, f"{verb} takes exactly one event: send one per message", verb=verb, subject=event_id
        )
    try:
        return decode_event(parts[0])
    except _BAD_JSON as error:
        raise Malformed(
            Prefix.INVALID, _describe_bad_event(error), verb=verb, subject=_find_event_id(parts[0])
        ) from None


def _describe_bad_event(error: Exception) -> str:
    """Return which member is wrong. msgspec's texts can repeat the input, so only the member's name is taken from them."""
    text = str(error)
    for member in ("id", "pubkey", "created_at", "kind", "tags", "content", "sig"):
        if f"`$.{member}" in text or f"field `{member}`" in text:
            return f"the event's {member} is missing or is not what NIP-01 asks for: correct it"
    return "not an event as NIP-01 describes it; send an object of its seven members"


def _find_event_id(raw: msgspec.Raw) -> str | None:
    try:
        return _read_text(msgspec.json.decode(raw, type=dict[str, msgspec.Raw])["id"])
    except (*_BAD_JSON, KeyError):
        found = _event_id.search(bytes(raw).decode(errors="replace"))
        return None if found is None else _read_text(found[1])


def _read_text(raw: msgspec.Raw | str) -> str | None:
    """Return the text that is written in JSON, None for anything else."""
    try:
        return msgspec.json.decode(raw, type=str)
    except _BAD_JSON:
        return None


def _parse_query(verb: str, parts: Parts, limits: Limits) -> tuple[str, tuple[Filter, ...]]:
    subscription_id = _parse_subscription_id(verb, parts, limits)
    try:
        if not 1 <= len(parts) - 1 <= limits.max_filters:
            raise Rejected(Prefix.INVALID, f"send from 1 to {limits.max_filters} filters")
        return subscription_id, tuple(parse_filter(_decode_filter(part), limits) for part in parts[1:])
    except Rejected as rejected:
        raise Malformed(rejected.prefix, rejected.reason, verb=verb, subject=subscription_id) from None


def _decode_filter(part: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(part)
    except _BAD_JSON:
        raise Rejected(Prefix.INVALID, "a filter must be a JSON object") from None


def _parse_subscription_id(verb: str, parts: Parts, limits: Limits) -> str:
    subscription_id = _read_text(parts[0]) if parts else None
    if subscription_id is None or not 1 <= len(subscription_id) <= limits.max_subscription_id_chars:
        raise Malformed(
            Prefix.INVALID,
            f"the subscription id must be a string of 1 to {limits.max_subscription_id_chars} characters",
            verb=verb,
            subject=subscription_id,
        )
    return subscription_id


def encode_event_prefix(subscription_id: str) -> bytes:
    """Return the start of an EVENT message; the stored event's bytes and `]` follow it."""
    return b'["EVENT",' + _encode(subscription_id) + b","


def encode_ok(event_id: str, accepted: bool, text: str) -> bytes:
    """Encode the answer to an EVENT or AUTH (NIP-01)."""
    return _encode(["OK", event_id, accepted, text])


def encode_eose(subscription_id: str, hint: Hint | None = None) -> bytes:
    """Encode the end of the stored events (NIP-01), with a hint where one is sure (NIP-67)."""
    return _encode(["EOSE", subscription_id] if hint is None else ["EOSE", subscription_id, [hint]])


def encode_closed(subscription_id: str, text: str) -> bytes:
    """Encode the refusal or end of a REQ or COUNT (NIP-01)."""
    return _encode(["CLOSED", subscription_id, text])


def encode_count(subscription_id: str, counted: CountResult) -> bytes:
    """Encode the answer to a COUNT (NIP-45), and what was counted. One of answers can have `rings`, too: members by ring id."""
    answer: dict[str, Any] = {"count": counted.count, "counted": "members" if counted.is_of_members else "notes"}
    if counted.is_approximate:
        answer["approximate"] = True
    if counted.rings is not None:
        answer["rings"] = counted.rings
    return _encode(["COUNT", subscription_id, answer])


def encode_negentropy_error(subscription_id: str, text: str) -> bytes:
    """Encode the refusal of a sync (NIP-77)."""
    return _encode(["NEG-ERR", subscription_id, text])


def encode_notice(text: str) -> bytes:
    """Encode a text about a frame that belongs to neither an event nor a subscription (NIP-01)."""
    return _encode(["NOTICE", text])
