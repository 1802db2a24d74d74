"""The files of a note: its JSON. Knows no socket and no SQL."""

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from relay.http.answer import Answer
from relay.http.request import Request
from relay.pages.note_id import read_note_id
from relay.pages.note_json import build_note_json, refuse_note_json
from relay.protocol.refusal import Rejected

_JSON = re.compile(r"/note/([0-9a-z]{1,5000})\.json")
_MISSING = "the relay does not have this note: it was never here, has expired, or was deleted; check the id"
_UNAVAILABLE = "the database is not available; try again in a minute"


class NoteFiles:
    """The files of the notes of one relay. `read_event` looks up the stored JSON of a 32-byte id; it raises Rejected."""

    def __init__(self, read_event: Callable[[bytes], Awaitable[bytes | None]]) -> None:
        self._read_event = read_event

    async def respond(self, request: Request) -> Answer | None:
        """Return the file that a path below /note/ asks for, None for a path that is not one of a file."""
        if found := _JSON.fullmatch(request.path):
            return await self._send_json(read_note_id(found[1]))
        return None

    async def _send_json(self, note_id: bytes | None) -> Answer:
        try:
            encoded = None if note_id is None else await self._read_event(note_id)
        except Rejected:
            return refuse_note_json(HTTPStatus.SERVICE_UNAVAILABLE, _UNAVAILABLE)
        if note_id is None or encoded is None:
            return refuse_note_json(HTTPStatus.NOT_FOUND, _MISSING)
        return build_note_json(note_id, encoded)
