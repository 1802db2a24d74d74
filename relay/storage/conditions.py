"""What a filter asks of one row of a table, as SQL text and arguments. Knows which columns there are, not which index leads."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from relay.protocol.filter import Filter
from relay.protocol.ring_terms import Form
from relay.protocol.search import Search, Term, find_values

# A btree entry must stay below 2,704 bytes. 0xFF never occurs in UTF-8, so a hash is never taken for a value.
_MAX_TAG_VALUE_BYTES = 512
_HASHED = b"\xff"


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of a page: newest first, ties lowest id first (NIP-01).

    In the last second, what follows in that second is read, and one note before it.
    """

    created_at: int
    id: bytes
    is_in_last_second: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table that notes are found in: its alias, what stands in FROM, its column of ids, and others it has."""

    alias: str
    source: str
    id: str
    columns: frozenset[str]


_EVERYWHERE = frozenset({"created_at", "kind", "expires_at", "price_paid_msat"})
_RING_COLUMNS = frozenset({"form", "scheme", "ring_size", "ring_id", "key_image", "scope"})
NOTES = Table("n", "notes n", "n.id", _EVERYWHERE | {"pubkey"} | _RING_COLUMNS)
TAGS = Table("t", "tags t", "t.note_id", _EVERYWHERE | {"pubkey"})
RING_MEMBERS = Table("m", "ring_members m", "m.note_id", _EVERYWHERE | {"ring_size"})


class Arguments:
    """The arguments of a statement and their places."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def add(self, value: Any, type_: str) -> str:
        """Take an argument and return the place that stands for it."""
        self.values.append(value)
        return f"${len(self.values)}::{type_}"


def encode_tag(letter: str, value: str) -> bytes:
    """Return the bytes under which a tag is indexed: its letter, then its value, or the value's SHA-256 where it is long."""
    raw = value.encode()
    if len(raw) > _MAX_TAG_VALUE_BYTES:
        raw = _HASHED + hashlib.sha256(raw).digest()
    return letter.encode() + raw


def to_bytes(hex_values: frozenset[str]) -> list[bytes]:
    """Return ids or keys as the tables hold them."""
    return [bytes.fromhex(value) for value in hex_values]


def lead_by(column: str, values: Sequence[Any], type_: str, arguments: Arguments) -> tuple[str, tuple[str, ...]]:
    """Return the key of a scan by a column, and the list of its values, if it is not one value.

    One value needs no list, and no sort of what it finds (author50: 348 us, with its events from the same scan 140).
    """
    if len(values) == 1:
        return f"{column} = {arguments.add(values[0], type_)}", ()
    name = column.partition(".")[2]
    place = arguments.add(values, type_ + "[]")
    return f"{column} = {name}_list.{name}", (f"unnest({place}) AS {name}_list ({name})",)


def build_conditions(filter_: Filter, after: Cursor | None, now: int, arguments: Arguments, table: Table) -> str:
    """Build the conditions on one row of a table, joined by AND, for all of a filter but its ids."""
    own = [f"({table.alias}.expires_at IS NULL OR {table.alias}.expires_at > {arguments.add(now, 'bigint')})"]
    of_note: list[str] = []
    for column, test in _list_column_tests(filter_, arguments):
        if column in table.columns:
            own.append(f"{table.alias}.{column} {test}")
        else:
            of_note.append(f"p.{column} {test}")
    if after is not None:
        own.append(_build_after(after, arguments, table))
    if of_note:
        own.append(f"EXISTS (SELECT FROM notes p WHERE p.id = {table.id} AND {' AND '.join(of_note)})")
    for letter, tag_values in filter_.tags:
        place = arguments.add([encode_tag(letter, value) for value in tag_values], "bytea[]")
        own.append(_build_other("tags", f"tag = ANY({place})", table))
    for member in find_values(filter_.search, "ring"):
        place = arguments.add(bytes.fromhex(member), "bytea")
        own.append(_build_other("ring_members", f"member = {place}", table))
    return " AND ".join(own)


def _build_after(after: Cursor, arguments: Arguments, table: Table) -> str:
    created_at, id_ = arguments.add(after.created_at, "bigint"), arguments.add(after.id, "bytea")
    if after.is_in_last_second:
        return f"{table.alias}.created_at = {created_at} AND {table.id} > {id_}"
    # The first half alone lets the index start where the last page ended.
    return (
        f"{table.alias}.created_at <= {created_at} AND ({table.alias}.created_at < {created_at} OR {table.id} > {id_})"
    )


def _build_other(index: str, condition: str, table: Table) -> str:
    """Ask whether the note of a row has an entry in another index. With all columns of its key that is one look-up."""
    return (
        f"EXISTS (SELECT FROM {index} o WHERE o.{condition} "
        f"AND o.created_at = {table.alias}.created_at AND o.note_id = {table.id})"
    )


def _list_column_tests(filter_: Filter, arguments: Arguments) -> Iterator[tuple[str, str]]:
    if filter_.kinds is not None:
        yield "kind", f"= ANY({arguments.add(list(filter_.kinds), 'integer[]')})"
    if filter_.authors is not None:
        yield "pubkey", f"= ANY({arguments.add(to_bytes(filter_.authors), 'bytea[]')})"
    if filter_.since is not None:
        yield "created_at", f">= {arguments.add(filter_.since, 'bigint')}"
    if filter_.until is not None:
        yield "created_at", f"<= {arguments.add(filter_.until, 'bigint')}"
    if filter_.min_price_msat:
        yield "price_paid_msat", f">= {arguments.add(filter_.min_price_msat, 'bigint')}"
    for term in sorted(filter_.search):
        if term.key != "ring":
            yield build_term_test(term, arguments)


def build_term_test(term: Term, arguments: Arguments) -> tuple[str, str]:
    """Return the column of notes that a term is about, any but `ring:`, and what is asked of it."""
    match term.key:
        case "ringid":
            return "ring_id", f"= {arguments.add(bytes.fromhex(term.value), 'bytea')}"
        case "keyimage":
            return "key_image", f"= {arguments.add(bytes.fromhex(term.value), 'bytea')}"
        case "scope":
            return "scope", f"= {arguments.add(term.value.encode(), 'bytea')}"
        case "minring":
            return "ring_size", f">= {arguments.add(int(term.value), 'integer')}"
        case "scheme":
            return "scheme", f"= {arguments.add(term.value, 'text')}"
        case _:
            return "form", f"= ANY({arguments.add(_list_forms(term), 'text[]')})"


def list_forms(search: Search) -> list[str]:
    """Return the forms of ring note that `form:` and `binding:` leave."""
    terms = [term for term in search if term.key in ("form", "binding")]
    return [form for form in Form if all(form in _list_forms(term) for term in terms)]


def _list_forms(term: Term) -> list[str]:
    """Return the forms that a `form:` or `binding:` means; only in the bound form does the ring sign the event."""
    if term.key == "form":
        return [term.value]
    return [form.value for form in Form if (form is Form.BOUND) == (term.value == "event")]
