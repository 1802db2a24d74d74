"""The files of a note: its JSON, and the evidence file. Knows no socket and no SQL."""

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from relay.http.answer import Answer, build_answer
from relay.http.request import Request
from relay.pages.evidence_file import build_evidence
from relay.pages.headers import HTML_TYPE, build_page
from relay.pages.note_json import build_note_json, name_file, refuse_note_json
from relay.pages.reader_fields import read_note_id
from relay.pages.renderer import Renderer
from relay.protocol.refusal import Rejected

_JSON = re.compile(r"/note/([0-9a-z]{1,5000})\.json")
_EVIDENCE = re.compile(r"/note/([0-9a-z]{1,5000})/evidence\.html")
_MISSING = "the relay does not have this note: it was never here, has expired, or was deleted; check the id"
_UNAVAILABLE = "the database is not available; try again in a minute"
# The file is for disks. Where a browser shows it all the same, it is a page without script and without this relay's origin.
_EVIDENCE_HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}


class NoteFiles:
    """The files of the notes of one relay. `read_event` looks up the stored JSON of a 32-byte id; it raises Rejected."""

    def __init__(self, read_event: Callable[[bytes], Awaitable[bytes | None]]) -> None:
        self._read_event = read_event

    async def respond(self, request: Request, renderer: Renderer) -> Answer | None:
        """Return the file that a path below /note/ asks for, None for a path that is not one of a file."""
        if found := _JSON.fullmatch(request.path):
            return await self._send_json(read_note_id(found[1]))
        if found := _EVIDENCE.fullmatch(request.path):
            return await self._send_evidence(read_note_id(found[1]), renderer)
        return None

    async def _send_json(self, note_id: bytes | None) -> Answer:
        try:
            encoded = None if note_id is None else await self._read_event(note_id)
        except Rejected:
            return refuse_note_json(HTTPStatus.SERVICE_UNAVAILABLE, _UNAVAILABLE)
        if note_id is None or encoded is None:
            return refuse_note_json(HTTPStatus.NOT_FOUND, _MISSING)
        return build_note_json(note_id, encoded)

    async def _send_evidence(self, note_id: bytes | None, renderer: Renderer) -> Answer:
        try:
            encoded = None if note_id is None else await self._read_event(note_id)
        except Rejected:
            return build_page(renderer.render("unavailable.html"), HTTPStatus.SERVICE_UNAVAILABLE)
        if note_id is None or encoded is None:
            return build_page(renderer.render("not_found.html"), HTTPStatus.NOT_FOUND)
        headers = {**_EVIDENCE_HEADERS, "Content-Disposition": name_file(note_id, "html")}
        return build_answer(HTTPStatus.OK, HTML_TYPE, build_evidence(encoded, renderer.language), headers)
