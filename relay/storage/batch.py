"""A batch of rows that share a transaction, each with its own outcome. Knows no SQL.

The rules of an insert decide about each row in turn. What one rule has decided no later rule sees.
"""

from collections.abc import Callable, Sequence

from relay.storage.note import Note
from relay.storage.row import Row, SaveResult, to_row


class Batch:
    """Rows to be inserted; at most `max_held` notes may wait for the next publication."""

    def __init__(self, notes: Sequence[Note], max_held: int = 0) -> None:
        self.rows = [to_row(note) for note in notes]
        self.max_held = max_held
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

    def list_results(self) -> list[SaveResult | None]:
        """Return what became of each note, in the order the notes were given; None for one that is postponed."""
        return [None if row.is_postponed else row.result or SaveResult.STORED for row in self.rows]

    def list_news(self) -> list[Note]:
        """Return what subscribers get: notes that are stored now, and upgraded ones."""
        stored = [row.note for row in self.select()]
        return [*stored, *(row.upgraded for row in self._by_id if row.upgraded is not None)]
