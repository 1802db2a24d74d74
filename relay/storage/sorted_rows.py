"""The statements that move rows out of the tables of the day, in the order of their keys, a slice a transaction.

Made from the catalogue, so that they say no column of the tables but their keys. Knows no lock and no clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

# Each has a table of the day (day_notes) and one whose rows lie in the order of their keys (sorted_notes).
TABLES = ("notes", "tags", "ring_members", "spent_signatures", "answers")

# With its notes go the rows of the tables that are indexes of them. The first note always goes.
_NOTES = """
    SELECT id FROM (
        SELECT id, sum(1 + index_rows) OVER (ORDER BY id) AS rows, row_number() OVER (ORDER BY id) AS place
        FROM (SELECT id, index_rows FROM day_notes WHERE id > $1 ORDER BY id LIMIT $2) AS next
    ) AS counted WHERE rows <= $2 OR place = 1
"""
# The rows of the tables that are indexes are found by their keys, which their notes' rows have.
_TAGS = "(SELECT m.id, m.created_at, tag FROM moved_notes m, unnest(m.tags) AS tag)"
_IS_TAG = "d.tag = s.tag AND d.created_at = s.created_at AND d.note_id = s.id"
_MEMBERS = """(
    SELECT m.id, m.created_at, substr(m.ring, 32 * place + 1, 32) AS member
    FROM moved_notes m, generate_series(0, m.ring_size - 1) AS place
)"""
_IS_MEMBER = "d.member = s.member AND d.created_at = s.created_at AND d.note_id = s.id"
_SPENT_SIGNATURES = "SELECT signed_id FROM day_spent_signatures WHERE signed_id > $1 ORDER BY signed_id LIMIT $2"
_ANSWERS = """
    SELECT kind, target, key_image FROM day_answers WHERE (kind, target, key_image) > ($1, $2, $3)
    ORDER BY kind, target, key_image LIMIT $4
"""


@dataclass(frozen=True, slots=True)
class Walk:
    """A statement that moves the next slice of a table's rows, and the key before all keys.

    Its arguments are the key after which the slice begins, and how many rows it has at most, in all tables. It returns the
    last key, and no row where nothing is left.
    """

    move: str
    first: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Moved:
    """A table whose rows go with a slice: how they are found (d: of the day, s: of `found_by`), and their order."""

    table: str
    condition: str
    order: str
    found_by: str = "slice"


async def build_walks(connection: asyncpg.Connection) -> list[Walk]:
    """Return what moves all rows of the tables of the day."""
    records = await connection.fetch(
        """
        SELECT c.relname AS table, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY($1::text[])
            AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'is_sorted'
        GROUP BY c.relname
        """,
        TABLES,
    )
    columns = {record["table"]: record["columns"] for record in records}
    notes = [
        _Moved("notes", "d.id = s.id", "id"),
        _Moved("tags", _IS_TAG, "note_id, tag", _TAGS),
        _Moved("ring_members", _IS_MEMBER, "note_id, member", _MEMBERS),
    ]
    signatures = [_Moved("spent_signatures", "d.signed_id = s.signed_id", "signed_id")]
    is_same = "d.kind = s.kind AND d.target = s.target AND d.key_image = s.key_image"
    answers = [_Moved("answers", is_same, "kind, target, key_image")]
    return [
        Walk(_build_move(_NOTES, notes, "id DESC", columns), (b"",)),
        Walk(_build_move(_SPENT_SIGNATURES, signatures, "signed_id DESC", columns), (b"",)),
        Walk(_build_move(_ANSWERS, answers, "kind DESC, target DESC, key_image DESC", columns), (-1, b"", b"")),
    ]


def _build_move(slice_: str, moved: Sequence[_Moved], last_first: str, columns: dict[str, str]) -> str:
    # Rows that are inserted are new to Postgres: what it keeps of a long value beside the table is numbered again, too.
    parts = [
        f"""
        moved_{each.table} AS (DELETE FROM day_{each.table} d USING {each.found_by} s WHERE {each.condition} RETURNING d.*),
        sorted_{each.table} AS (
            INSERT INTO sorted_{each.table} ({columns[each.table]}, is_sorted)
            SELECT {columns[each.table]}, true FROM moved_{each.table} ORDER BY {each.order}
        )"""
        for each in moved
    ]
    return f"WITH slice AS ({slice_}), {', '.join(parts)} SELECT * FROM slice ORDER BY {last_first} LIMIT 1"
