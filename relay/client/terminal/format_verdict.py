"""What `ringrelay verify` found, for people: TRUE or FALSE, what was signed, by which ring, and what that does not prove."""

from collections.abc import Mapping
from typing import Any

from relay.client.terminal.format_note import format_time
from relay.client.terminal.notices import to_printable
from relay.client.terminal.quote import quote_lines
from relay.protocol.event import Event
from relay.protocol.refusal import Prefix

_NAME_WIDTH = 10
_TEXT_PROVES_NOT = (
    "names beside keys, labels, when it was written, and who posted it: anybody can post it with its signature"
)
_WORDS_PROVE_NOT = (
    "names beside keys, and the event's time, author and tags: anybody can post these words with their signature again"
)
_EVENT_PROVES_NOT = "when it was written: the ring signed the time in the event, and its author chose that"
_BARE_PROVES_NOT = "when it was signed"


def format_verdict(result: Mapping[str, Any], event: Event | None) -> str:
    """Return the lines for a result as `verify` prints it in JSON, and for the event that was verified, if it was one."""
    if not result["valid"]:
        return f"FALSE: {to_printable(result['reason'].removeprefix(f'{Prefix.INVALID}: '))}"
    signed, words, proves_not = _explain_signed(result, event)
    rows = [] if words is None else [("words", line) for line in quote_lines(words)]
    rows += [*_list_proof(result), ("not proved", proves_not)]
    if event is not None:
        rows.insert(-1, ("event", f"kind {event.kind}, dated {format_time(event.created_at)} UTC"))
    return "\n".join([f"TRUE: one of the {result['ring_size']} keys of this ring signed {signed}", *_align(rows)])


def _explain_signed(result: Mapping[str, Any], event: Event | None) -> tuple[str, str | None, str]:
    """Return what the ring signed, its words where they are known, and what that does not prove."""
    if "signed_text" not in result:
        return "this message", None, _BARE_PROVES_NOT
    if event is not None and result["binding"] == "event":
        return "this event with all its words", event.content, _EVENT_PROVES_NOT
    return "these words", result["signed_text"], _TEXT_PROVES_NOT if event is None else _WORDS_PROVE_NOT


def _list_proof(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [
        ("scheme", f"{result['scheme']}, in the dialect {result['dialect']}"),
        ("ring", f"{result['ring_size']} members, ring id {result['ring_id']}"),
    ]
    if result["key_image"] is not None:
        where = "every scope" if result["scope"] is None else f"the scope {''.join(quote_lines(result['scope']))}"
        rows.append(("key image", f"{result['key_image']}, this signer's in {where}"))
    return rows


def _align(rows: list[tuple[str, str]]) -> list[str]:
    """Return the rows as lines, with a name on the first of those that share it."""
    before = [None, *(name for name, _ in rows)]
    return [
        f"{'' if name == last else name:{_NAME_WIDTH}} {text}" for last, (name, text) in zip(before, rows, strict=False)
    ]
