"""What links a payment to a note is gone when its time has come, and nobody else ever has it.

One run: notes free and paid, too much and too late, never, withdrawn, raised from free to paid; a node that is away or
answers nonsense. Then every table, file, log, metric, page and request to the node is read, and again when all is forgotten.
"""

import json
import re
from base64 import b64encode
from pathlib import Path

from aiohttp import web
from coincurve import PrivateKey

from relay.log import FIELDS, LogEvent
from relay.pricing.lightning.invoices import PROBE_MSAT
from relay.protocol.event import Event
from tests.support.client import fetch_ids
from tests.support.events import make_event, make_ring, make_ring_note
from tests.support.payment_run import FORWARDED, SOURCE, Run, Sold, selling
from tests.support.raw import exchange
from tests.support.spellings import list_spellings, spell
from tests.support.waiting import until

_HOUR_S = 3_600


def _make_note(name: str, author: PrivateKey | None = None) -> Event:
    return make_ring_note(f"canary-content {name}", tags=(("t", f"canary-tag-{name}"),), author=author)


async def _do_everything(run: Run) -> None:
    async with run.connect("/") as client:
        await client.publish_all(_make_note("free"))
    for name, more_msat in (("paid", 0), ("over", 12_345)):
        sold = await run.sell(name, "/1k", _make_note(name))
        await _pay(run, sold, more_msat)
    raised = _make_note("raised")
    async with run.connect("/") as client:
        await client.publish_all(raised)
    await _pay(run, await run.sell("raised", "/10k", raised))
    author = PrivateKey()
    withdrawn = await run.sell("withdrawn", "/1k", _make_note("withdrawn", author))
    async with run.connect("/1k") as client:
        await client.publish_all(make_event(key=author, kind=5, content="", tags=(("e", withdrawn.note.id),)))
    for name, path in (("unpaid", "/1k"), ("late", "/1k"), ("bought", "/10k")):
        await run.sell(name, path, _make_note(name))
    run.node.keeps |= {b64encode(run.sold[name].payment_hash).decode() for name in ("late", "bought")}
    await _meet_a_broken_node(run)


async def _pay(run: Run, sold: Sold, more_msat: int = 0) -> None:
    """Pay, and wait until the note is shown where it was paid for."""
    await run.node.pay(sold.offer.bolt11, more_msat)
    price_paid_msat = f"SELECT 1 FROM notes WHERE id = $1 AND price_paid_msat = {1_000 * sold.offer.amount_sat}"

    async def is_shown() -> bool:
        return bool(await run.query(price_paid_msat, bytes.fromhex(sold.note.id)))

    await until(is_shown)


async def _meet_a_broken_node(run: Run) -> None:
    async def answer(status: int) -> web.Response:
        return web.Response(status=status, text='{"message": "canary-node", "r_hash": ["canary-node"]}')

    for status in (200, 401, 500, 503):
        run.node.answer_instead = lambda _, status=status: answer(status)
        await _be_refused(run)
    run.node.answer_instead = None
    await run.node.stop()
    await _be_refused(run)
    await run.node.start()


async def _be_refused(run: Run) -> None:
    async with run.connect("/1k") as client:
        accepted, text = await client.publish(_make_note("refused"))
    assert (accepted, text) == (False, "error: invoices are unavailable, try again later")
    run.texts.append(text)


async def _pay_too_late(run: Run) -> None:
    """Let two invoices expire that the node does not cancel, pay both, and send one of the notes again."""
    run.wait(900 + _HOUR_S + 60)

    async def has_expired() -> bool:
        return await run.is_empty("invoices WHERE state IN ('creating', 'open')") and await run.is_empty("unpaid_notes")

    await until(has_expired)
    for count, name in enumerate(("late", "bought"), 1):
        await run.node.pay(run.sold[name].offer.bolt11)

        async def is_kept(count: int = count) -> bool:
            return len(await run.query("SELECT 1 FROM unapplied_payments WHERE reason = 'late'")) == count

        await until(is_kept)
    # For less than was paid, so that a rest is kept in the transaction that stores the note.
    async with run.connect("/1k") as client:
        assert await client.publish(run.sold["bought"].note) == (True, "")


async def _forget(run: Run) -> None:
    run.wait(26 * _HOUR_S)
    await until(lambda: run.is_empty("invoices"))


def _find_in(books: dict[str, list[bytes]], spellings: set[bytes]) -> set[str]:
    return {place for place, values in books.items() for value in values for text in spellings if text in value}


_ADDRESSES = list_spellings(SOURCE) | list_spellings(FORWARDED)
_CLIENTS = {b"canary-agent", b"canary-cookie", b"canary-referer", b"canary-node"}
_RING = {text for key in make_ring() for text in spell(key)}
# Where the id of a note may stand, and the keys of its ring.
_OF_ID = {"notes.id", "notes.event", "tags.note_id", "ring_members.note_id"}
_OF_ID_UNLOGGED = {"feed.id", "feed.event"}
_OF_RING = {"notes.event", "notes.ring", "ring_members.member"}
_OF_LINKS = {
    "token": {"invoices.token"},
    "reference": {"invoices.reference", "unapplied_payments.reference"},
    "payment hash": {"invoices.payment_hash"},
    "preimage": set[str](),
    "BOLT 11": set[str](),
}


async def test_what_links_a_payment_to_a_note_stands_in_few_places_and_does_not_stay(
    reachable_directory: Path, tmp_path: Path
) -> None:
    async with selling(reachable_directory, tmp_path) as run:
        await _do_everything(run)
        before = await run.read_books()
        settled = [row["expires_at"] for row in await run.query("SELECT * FROM invoices WHERE state = 'settled'")]
        await _pay_too_late(run)
        late = await run.read_books()
        await _forget(run)
        after = await run.read_books()
        written = {
            table: await run.read_transactions(table) for table in sorted({place.partition(".")[0] for place in after})
        }
        left = {
            tuple(row) for row in await run.query("SELECT reason, amount_msat, note_id IS NULL FROM unapplied_payments")
        }
        metrics = await exchange(
            run.served.private_port, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        shown = await fetch_ids(f"{run.served.url}/1k", [sold.note.id for sold in run.sold.values()])
        gone = [await run.fetch_page(sold.offer, "application/json") for sold in run.sold.values()]
        await run.query("CHECKPOINT")
        await run.served.stop()
    # The run was what it should be, or nothing here shows anything.
    assert set(shown) == {run.sold[name].note.id for name in ("paid", "over", "raised", "bought")}
    assert _find_in(before, spell(run.sold["unpaid"].token)) == {"invoices.token"}
    assert _find_in(late, spell(run.sold["late"].reference)) == {"invoices.reference", "unapplied_payments.reference"}
    assert len({answer.partition(b"\r\n\r\n")[2] for answer in gone}) == 1
    assert len(settled) == 3
    assert {time_s % _HOUR_S for time_s in settled} == {0}
    for books in (before, late, after):
        _check_books(run, books)
    _check_after(run, after)
    _check_order(written)
    assert left == {("over", 12_345 + 9_000_000, True), ("late", 1_000_000, False)}
    _check_pages(run)
    _check_node(run)
    _check_outside(run, metrics)
    _check_files(run)


def _check_books(run: Run, books: dict[str, list[bytes]]) -> None:
    """Each thing stands in the columns of a closed list, and in no other of any table."""
    for name, sold in run.sold.items():
        allowed = _OF_ID | _OF_ID_UNLOGGED
        # A deletion request names what it deletes, and is published as it is.
        allowed |= {"unapplied_payments.note_id"} if name in ("late", "bought") else set()
        allowed |= {"tags.tag", "notes.tags"} if name == "withdrawn" else set()
        assert _find_in(books, spell(bytes.fromhex(sold.note.id))) <= allowed, name
        for kind, secret in sold.links.items():
            assert _find_in(books, spell(secret)) <= _OF_LINKS[kind], (name, kind)
    assert _find_in(books, _RING) <= _OF_RING
    assert _find_in(books, _ADDRESSES | _CLIENTS) == set()


def _check_after(run: Run, books: dict[str, list[bytes]]) -> None:
    """Of notes that were published their own rows are left, of others nothing; of payments amounts that buy nothing."""
    for name, sold in run.sold.items():
        for kind, secret in sold.links.items():
            assert _find_in(books, spell(secret)) == set(), (name, kind)
        places = _find_in(books, spell(bytes.fromhex(sold.note.id))) - _OF_ID_UNLOGGED
        if name in ("paid", "over", "raised", "bought"):
            assert places == _OF_ID
        else:
            left = {
                "unpaid": set(),
                "late": {"unapplied_payments.note_id"},
                "withdrawn": {"notes.event", "notes.tags", "tags.tag"},
            }
            assert places == left[name], name
            assert _find_in(books, {f"canary-content {name}".encode(), f"canary-tag-{name}".encode()}) == set()
    assert _find_in(books, {b"canary-content refused"}) == set()
    assert books["unapplied_payments.reference"] == []


def _check_order(written: dict[str, set[int]]) -> None:
    """What is left of payments was written by later transactions than the notes, and by none of theirs."""
    last = max(written["notes"] | written["tags"] | written["ring_members"])
    assert written["unapplied_payments"]
    assert written["settlement_cursors"]
    assert written["spent_payments"]
    assert min(written["unapplied_payments"] | written["settlement_cursors"] | written["spent_payments"]) > last
    others = written.keys() - {
        "notes",
        "tags",
        "ring_members",
        "feed",
        "unapplied_payments",
        "spent_payments",
        "settlement_cursors",
        # Written when a relay starts, of what the operator asks.
        "tier_prices",
        "sealing_keys",
        "schema_migrations",
        "last_rewrite",
    }
    assert {table: written[table] for table in others if written[table]} == {}


def _check_pages(run: Run) -> None:
    """A page that asks for a payment shows the invoice, and nothing of the note or of who looks at it."""
    assert len(run.pages) == 2 * len(run.sold)
    secrets = {text for sold in run.sold.values() for text in spell(bytes.fromhex(sold.note.id))}
    secrets |= {text for sold in run.sold.values() for text in spell(bytes.fromhex(sold.note.pubkey))}
    secrets |= {text for sold in run.sold.values() for text in spell(sold.reference) | spell(sold.preimage)}
    for page in run.pages:
        assert page.startswith((b"HTTP/1.1 402 ", b"HTTP/1.1 200 "))
        assert b"lnbcrt" in page
        found = [text for text in secrets | _RING | _ADDRESSES | _CLIENTS | {b"canary"} if text in page]
        assert found == []


def _check_node(run: Run) -> None:
    """The node is asked the same for every note, under names that lead nowhere, by nobody in particular."""
    asked = [json.loads(body) for head, body in run.node.heard if head.startswith("POST /v1/invoices\n")]
    # At each start, one invoice that is for no note tells who would be paid.
    orders = [order for order in asked if order["value_msat"] != str(PROBE_MSAT)]
    assert {order["memo"] for order in asked} == {"note"}
    assert len(orders) > len(run.sold)
    assert {order["memo"] for order in orders} == {"note"}
    assert {order["value_msat"] for order in orders} == {"1000000", "10000000"}
    assert {tuple(order) for order in orders} == {("r_preimage", "value_msat", "memo", "expiry", "private")}
    assert len({order["r_preimage"] for order in orders}) == len(orders)
    names = {line.partition(":")[0].lower() for head, _ in run.node.heard for line in head.split("\n")[1:]}
    assert names <= {"host", "accept", "accept-encoding", "content-type", "content-length", "grpc-metadata-macaroon"}
    secrets = set()
    for sold in run.sold.values():
        for secret in (bytes.fromhex(sold.note.id), bytes.fromhex(sold.note.pubkey), sold.token, sold.reference):
            secrets |= spell(secret)
    for head, body in run.node.heard:
        sent = head.encode() + b"\n" + body
        assert [text for text in secrets | _RING | _ADDRESSES | {b"canary"} if text in sent] == []


def _check_outside(run: Run, metrics: bytes) -> None:
    """Logs, metrics and refusals hold nothing of notes, payments or clients."""
    log = run.served.log
    for line in log.splitlines():
        found = re.fullmatch(r"event='([a-z_]+)'((?: [a-z]+=(?:'[^']*'|\"[^\"]*\"|[0-9.]+))*)", line)
        assert found, line
        assert found[1] in set(LogEvent), line
        assert set(re.findall(r" ([a-z]+)=", found[2])) <= FIELDS, line
    written = [log, run.served.postgres_log, metrics.decode(), bytes(run.served.printed).decode(), *run.texts]
    text = "\n".join(written).encode()
    secrets = {spelled for sold in run.sold.values() for secret in sold.links.values() for spelled in spell(secret)}
    secrets |= {spelled for sold in run.sold.values() for spelled in spell(bytes.fromhex(sold.note.id))}
    assert [found for found in secrets | _RING | _ADDRESSES | {b"canary"} if found in text] == []
    assert re.search(rb'ringrelay_settled_msat_total\{tier="/1k"\} 3\.012345e\+06', metrics), metrics.decode()


def _check_files(run: Run) -> None:
    """No file of the cluster names a client; the tables' and indexes' files hold nothing of what was forgotten."""
    files = {str(file): file.read_bytes() for file in run.served.data_dir.rglob("*") if file.is_file()}
    assert {name: t for name, data in files.items() for t in _ADDRESSES | _CLIENTS if t in data} == {}
    tables = {name: data for name, data in files.items() if "/base/" in name}
    control = run.sold["paid"].note.content.encode()
    assert any(control in data for data in tables.values())
    found = {
        (name, kind, file.rpartition("/")[2])
        for name, sold in run.sold.items()
        for kind, secret in sold.links.items()
        for file, data in tables.items()
        if any(text in data for text in spell(secret))
    }
    assert found == set()
    for name in ("unpaid", "withdrawn", "late", "refused"):
        assert [file for file, data in tables.items() if f"canary-content {name}".encode() in data] == []
