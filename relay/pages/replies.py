"""The notes in reply to another: texts that name it as what they answer (NIP-10, NIP-22). Knows no HTML."""

from dataclasses import replace

from relay.http.request import Request
from relay.pages.reader_fields import read_cursor
from relay.pages.shelf import Shelf, ViewPage
from relay.protocol.filter import Filter

# Notes, threads and comments. Reactions and responses to polls are counted by key instead.
_KINDS = frozenset((1, 11, 1111))


async def find_replies(shelf: Shelf, note_id: bytes, request: Request) -> ViewPage:
    """Return the newest notes in reply, or those that the query goes on with. Raises Rejected as the store does."""
    target = note_id.hex()
    named = Filter(kinds=_KINDS, tags=(("e", frozenset({target})),))
    page = await shelf.read_page(named, read_cursor(request.query.get("replies", "")))
    # Some name the note on their way to another.
    return replace(page, notes=[note for note in page.notes if note.target == target])
