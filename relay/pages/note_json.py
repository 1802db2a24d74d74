"""A note as its JSON: the file to keep and to pass on, and what scripts of pages verify. Knows no store."""

from http import HTTPStatus

import msgspec

from relay.http.answer import Answer, build_answer

_TYPE = "application/json"
# As many digits of an id as a file's name needs to be another for another note.
_NAME_DIGITS = 16
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # A note can expire or be deleted, and what is asked for again should not come from a cache that knows nothing of it.
    "Cache-Control": "no-store",
}


def name_file(note_id: bytes, kind: str) -> str:
    """Return the header that has a browser keep an answer as a file, as `note-<16 digits>.<kind>`."""
    return f'attachment; filename="note-{note_id.hex()[:_NAME_DIGITS]}.{kind}"'


def build_note_json(note_id: bytes, encoded: bytes) -> Answer:
    """Return a note exactly as it is stored. Scripts of other sites may read it, as they may by WebSocket."""
    headers = {**_HEADERS, "Content-Disposition": name_file(note_id, "json")}
    return build_answer(HTTPStatus.OK, _TYPE, encoded, headers)


def refuse_note_json(status: HTTPStatus, text: str) -> Answer:
    """Return why there is no note, as JSON."""
    return build_answer(status, _TYPE, msgspec.json.encode({"error": text}), _HEADERS)
