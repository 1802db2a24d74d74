"""What the tables say of money and of the notes that it bought, read in one moment; and a book of every price that a note got."""

from dataclasses import dataclass
from typing import NamedTuple

import asyncpg

from tests.support.held import RememberedKeyFiles

# A free deletion has the price of what it deletes, and nobody paid for it.
_AUDIT = """
CREATE TABLE bought (id bytea NOT NULL, price_paid_msat bigint NOT NULL);
CREATE TABLE seen (id bytea NOT NULL);
CREATE FUNCTION keep_seen() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO seen VALUES (NEW.id); RETURN NULL; END';
CREATE TRIGGER keep_seen AFTER INSERT ON notes FOR EACH ROW EXECUTE FUNCTION keep_seen();
CREATE TABLE sealed (key bytea NOT NULL, name bytea NOT NULL, sealed bytea NOT NULL);
CREATE FUNCTION keep_sealed() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO sealed VALUES (NEW.key, NEW.name, NEW.sealed); RETURN NULL; END';
CREATE TRIGGER keep_sealed AFTER INSERT ON held_notes FOR EACH ROW EXECUTE FUNCTION keep_sealed();
CREATE TABLE settled (reference bytea NOT NULL);
CREATE FUNCTION keep_settled() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO settled VALUES (NEW.reference); RETURN NULL; END';
CREATE TRIGGER keep_settled AFTER UPDATE OF state ON invoices
    FOR EACH ROW WHEN (NEW.state = 'settled') EXECUTE FUNCTION keep_settled();
CREATE FUNCTION keep_bought() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO bought VALUES (NEW.id, NEW.price_paid_msat); RETURN NULL; END';
CREATE TRIGGER keep_bought AFTER INSERT OR UPDATE OF price_paid_msat ON notes
    FOR EACH ROW WHEN (NEW.price_paid_msat IS NOT NULL AND NOT (NEW.kind = 5 AND position('"content":""'::bytea IN NEW.event) > 0))
    EXECUTE FUNCTION keep_bought();
"""
_NOTES = (
    "notes, tags, ring_members, spent_signatures, answers, held_notes, held_marks, sealing_keys, unpaid_notes, feed"
)
_PAIRS = ("notes", "unapplied_payments", "bought", "news")
_PAYMENTS = "invoices, unapplied_payments, unanswered_invoices, spent_payments, settlement_cursors"
_TABLES = f"{_NOTES}, {_PAYMENTS}, bought, sealed, seen, settled"


class Asked(NamedTuple):
    """A row of `invoices`."""

    reference: bytes
    note_id: bytes
    tier: str
    price_msat: int
    state: str
    payment_hash: bytes | None
    account: str

    @property
    def is_open(self) -> bool:
        return self.state in ("creating", "open")

    @property
    def is_watched(self) -> bool:
        return self.state in ("open", "closed") and self.payment_hash is not None


@dataclass(frozen=True)
class Ledger:
    """One moment. `notes` and `held` give prices by id (0: free), `unapplied` pairs of a note and an amount.

    `bought` are all prices that stored notes ever got, `promised` those of held notes. `news` are the rows of the feed: a
    note, and from which price it was upgraded. `seen` are the notes that were ever stored, or held. `settled` are the references
    of all invoices that ever were: a row can be settled and forgotten in one moment, where a clock is far ahead.
    """

    invoices: list[Asked]
    unpaid: set[bytes]
    notes: dict[bytes, int]
    held: dict[bytes, int]
    unapplied: list[tuple[bytes | None, int]]
    bought: list[tuple[bytes, int]]
    promised: list[tuple[bytes, int]]
    news: list[tuple[bytes, int]]
    seen: set[bytes]
    settled: set[bytes]

    @property
    def spent_msat(self) -> int:
        """Return what the tables account for: notes that were published at a price, those that wait for it, and unapplied."""
        return (
            sum(price_paid_msat for _, price_paid_msat in self.bought)
            + sum(price_paid_msat for price_paid_msat in self.held.values())
            + sum(amount for _, amount in self.unapplied)
        )

    @property
    def here(self) -> set[bytes]:
        """Return which notes are anywhere."""
        return self.unpaid | self.notes.keys() | self.held.keys()

    def price_of(self, note_id: bytes) -> int:
        """Return at which price a note is here, -1 where it is not."""
        return max(self.notes.get(note_id, -1), self.held.get(note_id, -1))

    def highest_price_of(self, note_id: bytes) -> int:
        """Return the highest price that a note ever had, also while it was held."""
        return max(
            (price_paid_msat for known, price_paid_msat in [*self.bought, *self.promised] if known == note_id),
            default=0,
        )

    def unapplied_of(self, note_id: bytes) -> int:
        return sum(amount for owner, amount in self.unapplied if owner == note_id)


async def begin_audit(connection: asyncpg.Connection) -> None:
    """Keep every price that a stored note gets from now on."""
    await connection.execute(_AUDIT)


async def empty(connection: asyncpg.Connection) -> None:
    """Forget everything."""
    await connection.execute(f"TRUNCATE {_TABLES}")


async def copy(connection: asyncpg.Connection) -> None:
    """Keep all tables as they are now, in place of an earlier copy. The session must be the one that puts them back."""
    await connection.execute(
        "".join(
            f"DROP TABLE IF EXISTS copy_{table}; CREATE TEMP TABLE copy_{table} AS TABLE {table};"
            for table in _TABLES.split(", ")
        )
    )


async def put_back(connection: asyncpg.Connection) -> None:
    """Make all tables what they were when they were copied."""
    async with connection.transaction():
        await empty(connection)
        # The books of the audit come last: the triggers have written into them meanwhile.
        await connection.execute(
            "".join(
                f"DELETE FROM {table}; INSERT INTO {table} SELECT * FROM copy_{table};" for table in _TABLES.split(", ")
            )
        )


async def read_ledger(connection: asyncpg.Connection, keys: RememberedKeyFiles) -> Ledger:
    """Read all of it in one statement, and so in one moment."""
    record = await connection.fetchrow(
        """
        SELECT array(SELECT (reference, key, sealed, state, payment_hash, account) FROM invoices) AS invoices,
               array(SELECT (key, sealed) FROM unpaid_notes) AS unpaid_notes,
               array(SELECT (id, coalesce(price_paid_msat, 0)) FROM notes) AS notes,
               array(SELECT (key, name, sealed) FROM held_notes) AS held_notes,
               array(SELECT mark FROM held_marks) AS marks,
               array(SELECT (key, name, sealed) FROM sealed) AS sealed,
               array(SELECT (note_id, amount_msat) FROM unapplied_payments) AS unapplied_payments,
               array(SELECT (id, price_paid_msat) FROM bought) AS bought,
               array(SELECT (id, coalesce(previous_price_msat, -1)) FROM feed WHERE id IS NOT NULL ORDER BY seq) AS news,
               array(SELECT id FROM seen) AS seen,
               array(SELECT reference FROM settled) AS settled
        """
    )
    pairs = {name: [tuple(row) for row in record[name]] for name in _PAIRS}
    marks = set(record["marks"])
    held = [(key, *keys.open(*row)) for row in record["held_notes"] for key in (row[0],)]
    waiting: dict[bytes, int] = {}
    for key, note_id, price_paid_msat in held:
        if keys.remembered[key].mark(note_id) not in marks:
            waiting[note_id] = max(price_paid_msat, waiting.get(note_id, 0))
    promised = [keys.open(*row) for row in record["sealed"]]
    return Ledger(
        [_to_asked(keys, row) for row in record["invoices"]],
        {keys.open_unpaid(*row) for row in record["unpaid_notes"]},
        dict(pairs["notes"]),
        waiting,
        pairs["unapplied_payments"],
        pairs["bought"],
        [(note_id, price_paid_msat) for note_id, price_paid_msat in promised if price_paid_msat],
        pairs["news"],
        set(record["seen"]) | {note_id for note_id, _ in promised},
        set(record["settled"]),
    )


def _to_asked(keys: RememberedKeyFiles, row: asyncpg.Record) -> Asked:
    reference, key, sealed, state, payment_hash, account = row
    terms = keys.open_terms(key, sealed)
    return Asked(reference, terms.note_id, terms.tier, terms.price_msat, state, payment_hash, account)
