"""A verified note as it is printed: a line of columns for people, a line of JSON for programs."""

import json
import shutil
from datetime import UTC, datetime
from typing import Any

import msgspec

from relay.client.terminal.notices import to_printable
from relay.protocol.event import Event
from relay.verify.claim import RingProof

_WIDTHS = (16, 5, 10, 6, 5, 9)
_HEADER = ("time (UTC)", "kind", "form", "scheme", "ring", "ring id", "words")
# The last second of Python's calendar. An event may claim a later one.
_LAST_SECOND = 253_402_300_799


def format_json(event: Event, proof: RingProof | None) -> str:
    """Return {"event": ..., "proof": ...}; the proof is null for a plain event."""
    # Escaped to ASCII: nothing in it can steer a terminal.
    return json.dumps({"event": msgspec.to_builtins(event), "proof": None if proof is None else describe_proof(proof)})


def format_header() -> str:
    """Return the names of the columns."""
    return _format_row(_HEADER)


def format_time(created_at: int) -> str:
    """Return an event's time as date and minute, in UTC."""
    return datetime.fromtimestamp(min(created_at, _LAST_SECOND), UTC).strftime("%Y-%m-%d %H:%M")


def format_columns(event: Event, proof: RingProof | None) -> str:
    """Return a line: time, kind, form, scheme, ring size, the start of the ring id, and the first line of the words."""
    time = format_time(event.created_at)
    if proof is None:
        return _format_row((time, str(event.kind), "plain", "-", "-", "-", _get_first_line(event.content)))
    # Only what the ring signed: in some forms the content also holds keys and a signature.
    words = event.content if proof.binding == "event" else proof.signed_text
    ring = (str(len(proof.ring)), proof.ring_id[:8])
    return _format_row((time, str(event.kind), proof.form, proof.scheme, *ring, _get_first_line(words)))


def describe_proof(proof: RingProof) -> dict[str, Any]:
    """Return what is proved, as the members of a JSON object."""
    return {
        "form": proof.form,
        "scheme": proof.scheme,
        "dialect": proof.dialect,
        "binding": proof.binding,
        "ring_size": len(proof.ring),
        "ring_id": proof.ring_id,
        "key_image": proof.key_image,
        "scope": proof.scope,
        # In message-only forms this is the message. The rest of the event is its poster's, not the ring's.
        "signed_text": proof.signed_text,
    }


def _get_first_line(words: str) -> str:
    lines = words.strip().splitlines()
    return to_printable(lines[0]) if lines else ""


def _format_row(cells: tuple[str, ...]) -> str:
    row = " ".join([*(cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=False)), cells[-1]])
    width = shutil.get_terminal_size().columns
    return row if len(row) <= width else row[: max(width - 1, 1)] + "…"
