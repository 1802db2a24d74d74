"""Turn a filter into SQL text and arguments: one keyset page of it, or its count. Runs nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from relay.protocol.filter import Filter
from relay.protocol.ring_terms import Scheme
from relay.protocol.search import Term, find_selective, find_values
from relay.storage.conditions import (
    NOTES,
    RING_MEMBERS,
    TAGS,
    Arguments,
    Cursor,
    Table,
    build_conditions,
    build_term_test,
    encode_tag,
    lead_by,
    list_forms,
    to_bytes,
)
from relay.storage.each_price import lead_by_price
from relay.storage.many_authors import MAX_PAIRS, is_of_many_authors, select_of_many


@dataclass(frozen=True, slots=True)
class Query:
    """SQL text with `$n` places and their arguments; it is reusable where few different texts are made."""

    text: str
    arguments: tuple[Any, ...]
    is_reusable: bool = True


@dataclass(frozen=True, slots=True)
class _Driver:
    """The index scan that leads: on which table, for which key, over which lists of values, and what is left to check.

    A condition said twice would count twice in the planner's estimate, and a sort of everything then looks cheap.
    """

    table: Table
    key: str
    rest: Filter
    lists: tuple[str, ...] = ()


def build_page(filter_: Filter, after: Cursor | None, rows: int, page_bytes: int, now: int) -> Query:
    """Select at most `rows` matching notes after a cursor, newest first: created_at, id and event.

    Of those after the one that passes `page_bytes` the event is null. Expired notes at Unix time `now` are left out (NIP-40).
    Where a last second is read to its end, the newest note before it follows.
    """
    arguments = Arguments()
    found = _select_after(filter_, after, rows, now, arguments)
    # Each row once and none kept: to count all rows beside their sum took twice as long (latest100: 395 us, now 140).
    return Query(
        f"""
        SELECT created_at, id, CASE WHEN coalesce(sum(octet_length(event)) OVER before, 0)
                                         < {arguments.add(page_bytes, "bigint")} THEN event END AS event
        FROM ({found}) found
        WINDOW before AS (ORDER BY created_at DESC, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
        ORDER BY created_at DESC, id
        """,
        tuple(arguments.values),
    )


def build_event(note_id: bytes, now: int) -> Query:
    """Select the JSON of the note with this id (32 bytes), unless it has expired at Unix time `now` (NIP-40)."""
    return Query("SELECT event FROM notes WHERE id = $1 AND (expires_at IS NULL OR expires_at > $2)", (note_id, now))


def build_ids(filter_: Filter, after: Cursor | None, rows: int, now: int) -> Query:
    """Select created_at and id of at most `rows` matching notes after a cursor, newest first."""
    arguments = Arguments()
    found = _select_after(filter_, after, rows, now, arguments)
    return Query(f"SELECT created_at, id FROM ({found}) found ORDER BY created_at DESC, id", tuple(arguments.values))


def build_count(filters: Sequence[Filter], maximum: int, now: int) -> Query:
    """Count distinct notes that match any filter, stopping one past `maximum`; a filter's `limit` does not count (NIP-45)."""
    arguments = Arguments()
    # A union reads all of its parts.
    parts = " UNION ".join(f"({_select_ids(filter_, maximum + 1, now, arguments)})" for filter_ in filters)
    return Query(
        f"SELECT count(*) FROM (SELECT 1 FROM ({parts}) found LIMIT {arguments.add(maximum + 1, 'bigint')}) counted",
        tuple(arguments.values),
        # Several filters of any shape each: too many texts to keep a plan for.
        is_reusable=False,
    )


def build_answer_count(filter_: Filter, named: frozenset[bytes], maximum: int, rings: int, now: int) -> Query:
    """Count the answers that match a filter, each a member's only one, by ring.

    `named` are the rings that may answer, empty where all may: then plain notes that match count, too. Columns: ring_id
    and members for the `rings` largest rings (null for what is no answer); of all together, seen (which stops one past
    `maximum`), counted, and has_plain: whether plain notes are among those counted.
    """
    arguments = Arguments()
    found = _select_ids(filter_, maximum + 1, now, arguments)
    may_answer = f" AND a.ring_id = ANY({arguments.add(list(named), 'bytea[]')})" if named else ""
    # Where a ring is named nobody else has a say, and a plain note costs its author a key and nothing else.
    is_counted = "ring_id IS NOT NULL" if named else "(is_plain OR ring_id IS NOT NULL)"
    return Query(
        f"""
        SELECT ring_id, members, (sum(members) OVER ())::bigint AS seen,
               coalesce(sum(members) FILTER (WHERE {is_counted}) OVER (), 0)::bigint AS counted,
               bool_or(is_plain AND {is_counted}) OVER () AS has_plain
        FROM (
            SELECT a.ring_id, n.scheme IS NULL AS is_plain, count(*) AS members
            FROM ({found}) AS f (id)
                JOIN notes n ON n.id = f.id LEFT JOIN answers a ON a.note_id = n.id{may_answer}
            GROUP BY 1, 2
        ) groups
        ORDER BY ring_id IS NULL, members DESC, ring_id LIMIT {arguments.add(rings, "bigint")}
        """,
        tuple(arguments.values),
        is_reusable=False,
    )


def build_named_rings(target: str) -> Query:
    """Select the values of a stored note's `R` tags, as bytes."""
    return Query(
        "SELECT substr(tag, 2) FROM notes, unnest(tags) AS tag WHERE id = $1 AND substr(tag, 1, 1) = 'R'",
        (bytes.fromhex(target),),
    )


def _select_after(filter_: Filter, after: Cursor | None, rows: int, now: int, arguments: Arguments) -> str:
    """Select the newest matches after a cursor: the rest of its second, then older ones; of a last second's one.

    No index has a second's notes from one on, and then older ones, in this order: by one scan, each page of a second of many
    notes would read it from its beginning. What is not wanted is not run.
    """
    if after is None or (filter_.ids is not None and not after.is_in_last_second):
        return _select_newest(filter_, after, rows, now, arguments)
    rest = _select_newest(filter_, replace(after, is_in_last_second=True), rows, now, arguments)
    until = after.created_at - 1 if filter_.until is None else min(filter_.until, after.created_at - 1)
    older_rows = 1 if after.is_in_last_second else rows
    older = _select_newest(msgspec.structs.replace(filter_, until=until), None, older_rows, now, arguments)
    return f"({rest}) UNION ALL ({older}) LIMIT {arguments.add(rows, 'bigint')}"


def _select_newest(filter_: Filter, after: Cursor | None, rows: int, now: int, arguments: Arguments) -> str:
    """Select created_at, id and event of the newest matches, driven by the most selective field.

    A list of values becomes one ordered index scan a value (top-n each, then merged): `= ANY` would sort every match.
    """
    if filter_.ids is None and not filter_.tags and not filter_.search and is_of_many_authors(filter_):
        return select_of_many(filter_, after, rows, now, arguments)
    limit = arguments.add(rows, "bigint")
    if filter_.ids is not None:
        where = build_conditions(filter_, after, now, arguments, NOTES)
        ids = arguments.add(to_bytes(filter_.ids), "bytea[]")
        # OFFSET keeps the planner from walking all notes in the order of created_at until it has met these.
        return (
            f"SELECT created_at, id, event FROM ("
            f"SELECT n.created_at, n.id, n.event FROM notes n WHERE n.id = ANY({ids}) AND {where} OFFSET 0"
            f") named ORDER BY created_at DESC, id LIMIT {limit}"
        )
    driver = _choose_driver(filter_, arguments)
    table = driver.table
    where = build_conditions(driver.rest, after, now, arguments, table)
    # Where one scan of notes finds all, it gives the events, too; a look-up by id for each costs 3 us more.
    event = ", n.event" if table is NOTES and not driver.lists else ""
    newest = (
        f"SELECT {table.alias}.created_at, {table.id} AS id{event} FROM {table.source} WHERE {driver.key} AND {where} "
        f"ORDER BY {table.alias}.created_at DESC, {table.id} LIMIT {limit}"
    )
    if event:
        return newest
    if driver.lists:
        newest = (
            f"SELECT {'DISTINCT ' if table is TAGS else ''}top.created_at, top.id "
            f"FROM {' CROSS JOIN '.join(driver.lists)} CROSS JOIN LATERAL ({newest}) top "
            f"ORDER BY top.created_at DESC, top.id LIMIT {limit}"
        )
    return add_events(newest)


def add_events(newest: str) -> str:
    """Look the events up of a selection of created_at and id."""
    return f"SELECT c.created_at, c.id, n.event FROM ({newest}) c JOIN notes n ON n.id = c.id"


def _choose_driver(filter_: Filter, arguments: Arguments) -> _Driver:
    """Choose what leads for a filter without ids. Paid notes have the same indexes for themselves, with the price in the key."""
    if not filter_.min_price_msat:
        return _choose_column(filter_, arguments)
    driver = _choose_column(msgspec.structs.replace(filter_, min_price_msat=0), arguments)
    key, prices = lead_by_price(driver.table, filter_.min_price_msat, arguments)
    return _Driver(driver.table, f"{driver.key} AND {key}", driver.rest, (*driver.lists, prices))


def _choose_column(filter_: Filter, arguments: Arguments) -> _Driver:
    term = find_selective(filter_.search)
    if term is not None:
        return _drive_by_term(filter_, term, arguments)
    if filter_.tags:
        return _drive_by_tag(filter_, arguments)
    if filter_.search and filter_.authors is None:
        return _drive_by_ring_notes(filter_, arguments)
    if filter_.authors is None and filter_.kinds is None:
        return _Driver(NOTES, "true", filter_)
    return _drive_by_author_and_kind(filter_, arguments)


def _drive_by_tag(filter_: Filter, arguments: Arguments) -> _Driver:
    tag = _find_driving_tag(filter_)
    values = [encode_tag(tag[0], value) for value in tag[1]]
    key, lists = lead_by("t.tag", values, "bytea", arguments)
    return _Driver(TAGS, key, _leave_out_tag(filter_, tag), lists)


def _drive_by_term(filter_: Filter, term: Term, arguments: Arguments) -> _Driver:
    rest = msgspec.structs.replace(filter_, search=filter_.search - {term})
    if term.key == "ring":
        member = arguments.add(bytes.fromhex(term.value), "bytea")
        return _Driver(RING_MEMBERS, f"m.member = {member}", rest)
    column, test = build_term_test(term, arguments)
    return _Driver(NOTES, f"n.{column} {test}", rest)


def _drive_by_ring_notes(filter_: Filter, arguments: Arguments) -> _Driver:
    """Scan the ring notes of each scheme and form asked for, newest first: their index holds all else that can be asked."""
    asked = find_values(filter_.search, "scheme")
    schemes = arguments.add([scheme for scheme in Scheme if all(scheme == value for value in asked)], "text[]")
    forms = arguments.add(list_forms(filter_.search), "text[]")
    return _Driver(
        NOTES,
        "n.scheme = s.scheme AND n.form = f.form",
        msgspec.structs.replace(
            filter_, search=frozenset(term for term in filter_.search if term.key not in ("scheme", "form", "binding"))
        ),
        (f"unnest({schemes}) AS s (scheme)", f"unnest({forms}) AS f (form)"),
    )


def _drive_by_author_and_kind(filter_: Filter, arguments: Arguments) -> _Driver:
    led: list[tuple[str, tuple[str, ...]]] = []
    if filter_.authors is not None:
        led.append(lead_by("n.pubkey", to_bytes(filter_.authors), "bytea", arguments))
    rest = msgspec.structs.replace(filter_, authors=None)
    if rest.kinds is not None and len(rest.kinds) * max(1, len(filter_.authors or ())) <= MAX_PAIRS:
        led.append(lead_by("n.kind", list(rest.kinds), "integer", arguments))
        rest = msgspec.structs.replace(rest, kinds=None)
    return _Driver(NOTES, " AND ".join(key for key, _ in led), rest, tuple(one for _, lists in led for one in lists))


def _find_driving_tag(filter_: Filter) -> tuple[str, frozenset[str]]:
    return min(filter_.tags, key=lambda tag: len(tag[1]))


def _leave_out_tag(filter_: Filter, tag: tuple[str, frozenset[str]]) -> Filter:
    return msgspec.structs.replace(filter_, tags=tuple(other for other in filter_.tags if other is not tag))


def _select_ids(filter_: Filter, most: int, now: int, arguments: Arguments) -> str:
    """Select the ids of matches, each once, in no order, and no more once there are `most`.

    What leads among the columns of notes is the planner's choice.
    """
    limit = arguments.add(most, "bigint")
    if filter_.ids is not None:
        where = build_conditions(filter_, None, now, arguments, NOTES)
        ids = arguments.add(to_bytes(filter_.ids), "bytea[]")
        return f"SELECT n.id FROM notes n WHERE {where} AND n.id = ANY({ids}) LIMIT {limit}"
    if filter_.min_price_msat or filter_.tags or find_selective(filter_.search) is not None:
        return _select_led_ids(filter_, limit, now, arguments)
    # Said again for the planner, which takes the index of ring notes for no other reason.
    ring_notes = " AND n.scheme IS NOT NULL" if filter_.search else ""
    where = build_conditions(filter_, None, now, arguments, NOTES)
    return f"SELECT n.id FROM notes n WHERE {where}{ring_notes} LIMIT {limit}"


def _select_led_ids(filter_: Filter, limit: str, now: int, arguments: Arguments) -> str:
    driver = _choose_driver(filter_, arguments)
    where = build_conditions(driver.rest, None, now, arguments, driver.table)
    found = f"SELECT {driver.table.id} AS id FROM {driver.table.source} WHERE {driver.key} AND {where} LIMIT {limit}"
    if not driver.lists:
        return found
    # A note can hold several values of a tag, so as many of each are read.
    distinct = "DISTINCT " if driver.table is TAGS else ""
    lists = " CROSS JOIN ".join(driver.lists)
    return f"SELECT {distinct}found.id FROM {lists} CROSS JOIN LATERAL ({found}) found LIMIT {limit}"
