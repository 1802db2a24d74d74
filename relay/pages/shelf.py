"""What all pages that show notes need: the store, where the relay is found, the tiers, the clock. Knows no page."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from relay.config import Config
from relay.pages.note_view import NoteView, make_view
from relay.policy.tiers import Tiers
from relay.protocol.filter import Filter
from relay.storage.conditions import Cursor
from relay.storage.page_reader import PageReader, StoredNote

ROWS = 20
# What is longer is read in a thread: 100 KB, where each second character is one that nobody sees, take 0.1 s.
_LONG_CHARS = 8_192


@dataclass(frozen=True, slots=True)
class ViewPage:
    """Some notes as pages show them, newest first, and the cursor of the next page, "" at the end.

    `keep_until` is when the first of them expires, None where none does.
    """

    notes: list[NoteView]
    before: str
    keep_until: int | None = None


@dataclass(frozen=True)
class Shelf:
    """The stored notes for pages. `find_url` gives where clients connect, ws or wss, `now` Unix seconds."""

    store: PageReader
    config: Config
    tiers: Tiers
    find_url: Callable[[], str]
    now: Callable[[], int]

    def find_web_url(self, path: str) -> str:
        """Return the address of a page, http or https."""
        return self.find_url().replace("ws", "http", 1) + path

    async def read_page(self, filter_: Filter, after: Cursor | None) -> ViewPage:
        """Return the notes of one page. Raises Rejected as the store does."""
        page = await self.store.read_page(filter_, after, ROWS, self.now())
        views: list[NoteView] = []
        for note in page.notes:
            views.append(await self.view(note))
            # Others are served in between.
            await asyncio.sleep(0)
        keep_until = min((note.expires_at for note in page.notes if note.expires_at is not None), default=None)
        return ViewPage(views, "" if page.following is None else write_cursor(page.following), keep_until)

    async def view(self, note: StoredNote) -> NoteView:
        """Return what pages show of a note. Clients are served while a long one is read."""
        if len(note.event.content) <= _LONG_CHARS:
            return make_view(note, self.find_url())
        return await asyncio.to_thread(make_view, note, self.find_url())


def write_cursor(cursor: Cursor) -> str:
    """Return a cursor as it stands in an address: the date of the last note that was shown, and its id."""
    return f"{cursor.created_at}-{cursor.id.hex()}"
