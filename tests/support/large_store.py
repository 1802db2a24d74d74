"""A store of any size, made by SQL in a minute a million: nine tenths of it sorted, as nights leave it, the rest of the day."""

import asyncpg

# Prime, so that each of them has notes of every sort.
AUTHORS = 101
TOPICS = 23
RINGS = 10
RING_SIZE = 5
PRICE_MSAT = 1_000
FIRST_S = 1_700_000_000

# The notes $1 to $2. Every second answers one of those before it, every third has a topic, every tenth is of a ring and the
# next was paid for, as was every hundredth of a ring. A tenth is of another kind.
_NOTES = """
    INSERT INTO {part}_notes (id, pubkey, created_at, kind, event, index_rows, price_paid_msat, form, scheme, ring_size,
        ring_id, ring, tags, is_contested, is_sorted)
    SELECT id, author, {first} + n, CASE n % 10 WHEN 3 THEN 7 ELSE 1 END, convert_to(repeat('lorem ipsum ', 50), 'UTF8'), 1,
        CASE WHEN n % 10 = 1 OR n % 100 = 50 THEN {price_msat} END,
        CASE n % 10 WHEN 0 THEN 'bound' END, CASE n % 10 WHEN 0 THEN 'sag' END,
        CASE n % 10 WHEN 0 THEN {ring_size} END, CASE n % 10 WHEN 0 THEN sha256(('ring' || ring)::bytea) END,
        CASE n % 10 WHEN 0 THEN (SELECT string_agg(sha256(('member' || ring * {ring_size} + m)::bytea), ''::bytea)
                                 FROM generate_series(0, {ring_size} - 1) AS m) END,
        array_remove(ARRAY[
            CASE n % 2 WHEN 0 THEN convert_to('e' || encode(sha256((n - 1 - n % 400)::text::bytea), 'hex'), 'UTF8') END,
            CASE n % 2 WHEN 0 THEN convert_to('p' || encode(sha256(('author' || n * 7 % {authors})::bytea), 'hex'), 'UTF8') END,
            CASE n % 3 WHEN 0 THEN convert_to('ttopic' || n % {topics}, 'UTF8') END], NULL),
        false, {is_sorted}
    FROM (SELECT n, n / 10 % {rings} AS ring, sha256(n::text::bytea) AS id,
                 sha256(('author' || n * 13 % {authors})::bytea) AS author
          FROM generate_series($1::bigint, $2::bigint) AS n) AS numbers
    ORDER BY {order}
"""
_TAGS = """
    INSERT INTO {part}_tags (tag, created_at, note_id, kind, pubkey, expires_at, price_paid_msat, is_sorted)
    SELECT tag, created_at, id, kind, pubkey, expires_at, price_paid_msat, {is_sorted} FROM {part}_notes, unnest(tags) AS tag
    WHERE created_at BETWEEN {first} + $1::bigint AND {first} + $2::bigint
"""
_MEMBERS = """
    INSERT INTO {part}_ring_members
        (member, created_at, note_id, kind, ring_size, expires_at, price_paid_msat, is_sorted)
    SELECT substr(ring, 32 * place + 1, 32), created_at, id, kind, ring_size, expires_at, price_paid_msat, {is_sorted}
    FROM {part}_notes, generate_series(0, {ring_size} - 1) AS place
    WHERE ring IS NOT NULL AND created_at BETWEEN {first} + $1::bigint AND {first} + $2::bigint
"""


async def fill_store(connection: asyncpg.Connection, first: int, last: int) -> None:
    """Store the notes of numbers from `first` to `last`, one a second. Their ids and keys are hashes of `name_*`."""
    middle = first + (last - first) * 9 // 10
    for part, start, end, order in (("sorted", first, middle, "id"), ("day", middle + 1, last, "n")):
        words = {
            "part": part,
            "order": order,
            "is_sorted": part == "sorted",
            "first": FIRST_S,
            "authors": AUTHORS,
            "topics": TOPICS,
            "rings": RINGS,
            "ring_size": RING_SIZE,
            "price_msat": PRICE_MSAT,
        }
        for statement in (_NOTES, _TAGS, _MEMBERS):
            await connection.execute(statement.format(**words), start, end, timeout=600)
    await connection.execute("ANALYZE", timeout=600)
