"""What somebody finds who has seized a relay's disk, and knows all notes it shows: with Postgres' own tools and file formats.

Nothing here knows a table of the relay's: whatever row or record holds bytes of a note is about that note.
"""

from tests.support.forensics.disk import find_tool, seize
from tests.support.forensics.orders import correlate
from tests.support.forensics.wal import (
    WalRecord,
    date_by_bytes,
    find_commit_times,
    list_insert_times,
    list_segments,
    read_wal,
)

__all__ = [
    "WalRecord",
    "correlate",
    "date_by_bytes",
    "find_commit_times",
    "find_tool",
    "list_insert_times",
    "list_segments",
    "read_wal",
    "seize",
]
