"""A batch of rows that share a transaction, each with its own outcome. Knows no SQL.

The rules of an insert decide about each row in turn. What one rule has decided no later rule sees.
"""

from collections.abc import Callable, Sequence

from relay.storage.note import Note
from relay.storage.row import NotesStay, Result, Row, SaveResult, to_row


class Batch:
    """Rows to be inserted.

    Two things that rules find out for later ones: `contested` are the content keys of words that came under two outer keys;
    `deletes_nothing` says that no request among the rows names what is stored, or another row.
    """

    def __init__(self, notes: Sequence[Note]) -> None:
        self.rows = [to_row(note) for note in notes]
        self.contested: set[bytes] = set()
        self.deletes_nothing = False
        # Sorted by id, so that neither the heap's order nor the feed's tells in which order a batch arrived.
        self._by_id = sorted(self.rows, key=lambda row: row.id)

    def select(self, is_wanted: Callable[[Row], object] = lambda _: True) -> list[Row]:
        """Return the undecided rows that a rule is about, in the order of ids."""
        return [row for row in self._by_id if row.result is None and not row.is_postponed and is_wanted(row)]

    def postpone(self, row: Row) -> None:
        """Leave a row, and its copies, to a later batch."""
        for other in self.rows:
            if other.id == row.id:
                # A copy was told that the note is here, which it is not yet.
                other.result, other.is_postponed = None, True

    def refuse_words(self, row: Row, holder: bytes) -> None:
        """Refuse words that are here, by the key `holder` (32 bytes). If that is another key they are contested from now on."""
        row.result = SaveResult.WORDS_STORED
        # Who posts their own words again, with another time, takes no power from anybody.
        if row.pubkey != holder and row.note.content_key is not None:
            self.contested.add(row.note.content_key)

    def list_results(self) -> list[Result | None]:
        """Return what became of each note, in the order the notes were given; None for one that is postponed."""
        return [None if row.is_postponed else _find_result(row) for row in self.rows]

    def list_news(self) -> list[Note]:
        """Return what subscribers get: notes that are stored now, and upgraded ones."""
        stored = [row.note for row in self.select()]
        return [*stored, *(row.upgraded for row in self._by_id if row.upgraded is not None)]


def _find_result(row: Row) -> Result:
    return row.result or (NotesStay(row.staying) if row.staying else SaveResult.STORED)
