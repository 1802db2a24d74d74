"""Turn a filter into SQL text and arguments: one keyset page of it, or its count. Runs nothing."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from relay.filter import Filter

# A btree entry must stay below 2,704 bytes. 0xFF never occurs in UTF-8, so a hash is never taken for a value.
_MAX_TAG_VALUE_BYTES = 512
_HASHED = b"\xff"
# Authors times kinds beyond this are looked up by author alone: each pair costs an index descent.
_MAX_PAIRS = 2_000


@dataclass(frozen=True, slots=True)
class Cursor:
    """Mark the last row of a page: newest first, ties lowest id first (NIP-01)."""

    created_at: int
    id: bytes


@dataclass(frozen=True, slots=True)
class Query:
    """Hold SQL text with `$n` places and their arguments; it is reusable where few different texts are made."""

    text: str
    arguments: tuple[Any, ...]
    is_reusable: bool = True


class _Arguments:
    """Collect arguments and hand out their places."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def add(self, value: Any, type_: str) -> str:
        self.values.append(value)
        return f"${len(self.values)}::{type_}"


def encode_tag(letter: str, value: str) -> bytes:
    """Return the bytes under which a tag is indexed: its letter, then its value, or the value's SHA-256 where it is long."""
    raw = value.encode()
    if len(raw) > _MAX_TAG_VALUE_BYTES:
        raw = _HASHED + hashlib.sha256(raw).digest()
    return letter.encode() + raw


def build_page(filter_: Filter, after: Cursor | None, rows: int, page_bytes: int, now: int) -> Query:
    """Select at most `rows` matching notes after a cursor, and no more after those that pass `page_bytes`.

    Columns: created_at, id, event, candidates (how many rows the page would have had without the byte bound).
    Expired notes at Unix time `now` are left out (NIP-40).
    """
    arguments = _Arguments()
    candidates = _select_candidates(filter_, after, rows, now, arguments)
    return Query(
        f"""
        SELECT created_at, id, event, candidates FROM (
            SELECT c.created_at, c.id, n.event, count(*) OVER () AS candidates,
                   sum(octet_length(n.event)) OVER (ORDER BY c.created_at DESC, c.id) - octet_length(n.event) AS bytes_before
            FROM ({candidates}) c JOIN notes n ON n.id = c.id
        ) page
        WHERE bytes_before < {arguments.add(page_bytes, "bigint")}
        ORDER BY created_at DESC, id
        """,
        tuple(arguments.values),
    )


def build_count(filters: Sequence[Filter], maximum: int, now: int) -> Query:
    """Count distinct notes that match any filter, stopping one past `maximum`; a filter's `limit` does not count (NIP-45)."""
    arguments = _Arguments()
    parts = " UNION ".join(f"({_select_ids(filter_, now, arguments)})" for filter_ in filters)
    return Query(
        f"SELECT count(*) FROM (SELECT 1 FROM ({parts}) found LIMIT {arguments.add(maximum + 1, 'bigint')}) counted",
        tuple(arguments.values),
        # Several filters of any shape each: too many texts to keep a plan for.
        is_reusable=False,
    )


def _select_candidates(filter_: Filter, after: Cursor | None, rows: int, now: int, arguments: _Arguments) -> str:
    """Select (created_at, id) of the newest matches, driven by the most selective field.

    A list of values becomes one ordered index scan a value (top-n each, then merged): `= ANY` would sort every match.
    """
    order_and_limit = f"LIMIT {arguments.add(rows, 'bigint')}"
    if filter_.ids is not None:
        where = _build_conditions(filter_, after, now, arguments, "n")
        ids = arguments.add(_to_bytes(filter_.ids), "bytea[]")
        return (
            f"SELECT n.created_at, n.id FROM notes n WHERE n.id = ANY({ids}) AND {where} "
            f"ORDER BY n.created_at DESC, n.id {order_and_limit}"
        )
    values, key, table, rest = _choose_driver(filter_, arguments)
    where = _build_conditions(rest, after, now, arguments, table)
    id_column = "note_id" if table == "t" else "id"
    from_ = "tags t" if table == "t" else "notes n"
    newest = (
        f"SELECT {table}.created_at, {table}.{id_column} AS id FROM {from_} WHERE {key} AND {where} "
        f"ORDER BY {table}.created_at DESC, {table}.{id_column} {order_and_limit}"
    )
    if values is None:
        return newest
    return (
        f"SELECT DISTINCT top.created_at, top.id FROM {values} CROSS JOIN LATERAL ({newest}) top "
        f"ORDER BY top.created_at DESC, top.id {order_and_limit}"
    )


def _choose_driver(filter_: Filter, arguments: _Arguments) -> tuple[str | None, str, str, Filter]:
    """Return the list of values to look up, the condition that uses one of them, the table, and the filter that is left.

    A condition said twice would count twice in the planner's estimate, and a sort of everything then looks cheap.
    """
    if filter_.tags:
        driver = _find_driving_tag(filter_)
        place = arguments.add([encode_tag(driver[0], value) for value in driver[1]], "bytea[]")
        rest = msgspec.structs.replace(filter_, tags=tuple(tag for tag in filter_.tags if tag is not driver))
        return f"unnest({place}) AS v (tag)", "t.tag = v.tag", "t", rest
    if filter_.authors is None and filter_.kinds is None:
        return None, "true", "n", filter_
    lists: list[str] = []
    keys: list[str] = []
    if filter_.authors is not None:
        lists.append(f"unnest({arguments.add(_to_bytes(filter_.authors), 'bytea[]')}) AS v (pubkey)")
        keys.append("n.pubkey = v.pubkey")
    rest = msgspec.structs.replace(filter_, authors=None)
    if rest.kinds is not None and len(rest.kinds) * max(1, len(filter_.authors or ())) <= _MAX_PAIRS:
        lists.append(f"unnest({arguments.add(list(rest.kinds), 'integer[]')}) AS k (kind)")
        keys.append("n.kind = k.kind")
        rest = msgspec.structs.replace(rest, kinds=None)
    return " CROSS JOIN ".join(lists), " AND ".join(keys), "n", rest


def _find_driving_tag(filter_: Filter) -> tuple[str, frozenset[str]]:
    return min(filter_.tags, key=lambda tag: len(tag[1]))


def _select_ids(filter_: Filter, now: int, arguments: _Arguments) -> str:
    if filter_.ids is not None or not filter_.tags:
        where = _build_conditions(filter_, None, now, arguments, "n")
        if filter_.ids is not None:
            where += f" AND n.id = ANY({arguments.add(_to_bytes(filter_.ids), 'bytea[]')})"
        return f"SELECT n.id FROM notes n WHERE {where}"
    driver = _find_driving_tag(filter_)
    rest = msgspec.structs.replace(filter_, tags=tuple(tag for tag in filter_.tags if tag is not driver))
    where = _build_conditions(rest, None, now, arguments, "t")
    place = arguments.add([encode_tag(driver[0], value) for value in driver[1]], "bytea[]")
    # A note can hold several of the values.
    return f"SELECT DISTINCT t.note_id FROM tags t WHERE t.tag = ANY({place}) AND {where}"


def _build_conditions(filter_: Filter, after: Cursor | None, now: int, arguments: _Arguments, table: str) -> str:
    """Build the conditions on one row, joined by AND, for all of a filter but its ids."""
    id_column = "note_id" if table == "t" else "id"
    conditions = [f"({table}.expires_at IS NULL OR {table}.expires_at > {arguments.add(now, 'bigint')})"]
    if filter_.kinds is not None:
        conditions.append(f"{table}.kind = ANY({arguments.add(list(filter_.kinds), 'integer[]')})")
    if filter_.authors is not None:
        conditions.append(f"{table}.pubkey = ANY({arguments.add(_to_bytes(filter_.authors), 'bytea[]')})")
    if filter_.since is not None:
        conditions.append(f"{table}.created_at >= {arguments.add(filter_.since, 'bigint')}")
    if filter_.until is not None:
        conditions.append(f"{table}.created_at <= {arguments.add(filter_.until, 'bigint')}")
    if after is not None:
        created_at, id_ = arguments.add(after.created_at, "bigint"), arguments.add(after.id, "bytea")
        # The first half alone lets the index start where the last page ended.
        conditions.append(
            f"{table}.created_at <= {created_at} AND ({table}.created_at < {created_at} OR {table}.{id_column} > {id_})"
        )
    for letter, tag_values in filter_.tags:
        place = arguments.add([encode_tag(letter, value) for value in tag_values], "bytea[]")
        conditions.append(
            f"EXISTS (SELECT FROM tags o WHERE o.tag = ANY({place}) "
            f"AND o.created_at = {table}.created_at AND o.note_id = {table}.{id_column})"
        )
    return " AND ".join(conditions)


def _to_bytes(hex_values: frozenset[str]) -> list[bytes]:
    return [bytes.fromhex(value) for value in hex_values]
