"""What `ringrelay payments` does: it reads the books, asks the node about a payment, and corrects the books. Runs no relay."""

import asyncio
import re
import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable
from dataclasses import fields

from relay.bookkeeping.tables import format_json, format_table
from relay.config import Config
from relay.log import Log, silence_libraries
from relay.postgres.embedded import EmbeddedError
from relay.postgres.errors import DATABASE_FAILURES
from relay.postgres.migrate import MigrationError
from relay.postgres.open import Connection, DatabaseError, open_beside
from relay.pricing.bolt11 import parse_bolt11
from relay.pricing.lightning import open_backend
from relay.pricing.lightning.backend import BackendError, Payment, PaymentState
from relay.pricing.settings import LightningConfigError
from relay.storage import payment_books
from relay.storage.key_files import KeyFiles
from relay.storage.live_keys import LiveKeys, Purpose
from relay.storage.payment_books import ClaimFault, InvoiceTotal, OpenInvoice, UnappliedTotal
from relay.storage.payments.accounts import UnansweredTotal

_HEX32 = re.compile(r"[0-9a-f]{64}")
_FAULTS = {
    ClaimFault.WATCHED: "the database knows this invoice: the relay settles it by itself once its node says that it is paid; where"
    " another node made it, [lightning.previous] must name that",
    ClaimFault.SETTLED: "this payment is settled in the books: it bought its note, or ringrelay payments unapplied counts it",
    ClaimFault.SPENT: "this payment was settled or claimed before, and buys nothing more",
}
# Of what the node says of an invoice that nobody has paid.
_UNPAID = {
    PaymentState.OPEN: "the node says that this invoice is not paid yet",
    PaymentState.GONE: "the node says that this invoice was never paid, and has expired or was cancelled",
    PaymentState.UNKNOWN: "no node of the configuration knows this invoice; [lightning] or [lightning.previous] must name the one"
    " that made it",
}


class WrongUseError(Exception):
    """What is wrong with the command's arguments, and how to write them."""


class RefusedError(Exception):
    """Why the answer is no, and what to do."""


def run_payments(config: Config, arguments: Namespace) -> int:
    """Do what the arguments say, and return the exit status: 1 where the answer is no. Raises WrongUseError."""
    silence_libraries()
    work = _choose_work(config, arguments)
    try:
        asyncio.run(_run(config, work))
    except (
        RefusedError,
        BackendError,
        DatabaseError,
        EmbeddedError,
        MigrationError,
        LightningConfigError,
    ) as error:
        print(f"ringrelay payments: {error}", file=sys.stderr)
        return 1
    except DATABASE_FAILURES as error:
        print(f"ringrelay payments: the database was lost ({type(error).__name__}); try again", file=sys.stderr)
        return 1
    return 0


Work = Callable[[Connection], Awaitable[None]]


async def _run(config: Config, work: Work) -> None:
    async with open_beside(config.database, config.data_dir, Log()) as connection:
        await work(connection)


def _choose_work(config: Config, arguments: Namespace) -> Work:
    """Return what is to be done with the database. Raises WrongUseError before anything is opened."""
    action, subject, as_json = arguments.action, arguments.subject, arguments.json
    if action == "claim":
        payment_hash, note_id = _read_claim(subject, arguments.note)
        return lambda connection: _claim(connection, config, payment_hash, note_id, as_json)
    if arguments.note is not None:
        raise WrongUseError("--note is of use with claim only")
    if action == "abandon":
        if not subject:
            raise WrongUseError("abandon needs the account, as ringrelay payments totals shows it, in quotes")
        return lambda connection: _abandon(connection, config, subject, arguments.yes, as_json)
    if subject is not None or arguments.yes:
        raise WrongUseError(f"{action} takes neither a subject nor --yes")
    shown = {"totals": _show_totals, "open": _show_open, "unapplied": _show_unapplied}[action]
    return lambda connection: shown(connection, config, as_json)


def _read_claim(subject: str | None, note: str | None) -> tuple[bytes, bytes]:
    """Return the payment hash and the note's id. Raises WrongUseError."""
    if subject is None or note is None or not _HEX32.fullmatch(note):
        raise WrongUseError(
            "claim needs an invoice or a payment hash, and with --note the id of its note: 64 hex digits"
        )
    if _HEX32.fullmatch(subject):
        return bytes.fromhex(subject), bytes.fromhex(note)
    said = parse_bolt11(subject.removeprefix("lightning:"))
    if said is None:
        raise WrongUseError("this is neither an invoice (BOLT 11) nor a payment hash of 64 hex digits; copy it whole")
    return said.payment_hash, bytes.fromhex(note)


def _open_keys(config: Config) -> LiveKeys:
    return LiveKeys(KeyFiles(config.keys_dir), Purpose.ORDER)


async def _show_totals(connection: Connection, config: Config, as_json: bool) -> None:
    totals = await payment_books.read_totals(connection, _open_keys(config))
    if as_json:
        print(format_json({name.name: getattr(totals, name.name) for name in fields(totals)}))
        return
    print(f"notes that wait for a payment: {totals.unpaid_notes:,}")
    print(_format_invoices(totals.invoices))
    print(_format_unapplied(totals.unapplied))
    print(_format_unanswered(totals.unanswered))


async def _show_open(connection: Connection, config: Config, as_json: bool) -> None:
    rows = await payment_books.list_open(connection, _open_keys(config))
    print(format_json({"open": rows}) if as_json else _format_open(rows))


async def _show_unapplied(connection: Connection, _: Config, as_json: bool) -> None:
    rows = await payment_books.list_unapplied(connection)
    print(format_json({"unapplied": rows}) if as_json else _format_unapplied(rows))


def _format_invoices(rows: list[InvoiceTotal]) -> str:
    head = ("account", "state", "invoices", "msat")
    return format_table("invoices", head, [(row.account, row.state, row.invoices, row.price_msat) for row in rows])


def _format_open(rows: list[OpenInvoice]) -> str:
    head = ("account", "path", "msat", "expires at", "payment hash")
    # Unix times, without separators.
    lines = [(row.account, row.tier, row.price_msat, str(row.expires_at), row.payment_hash) for row in rows]
    return format_table("open invoices", head, lines)


def _format_unapplied(rows: list[UnappliedTotal]) -> str:
    head = ("reason", "amounts", "msat", "msat that can buy a note")
    lines = [(row.reason, row.payments, row.amount_msat, row.usable_msat) for row in rows]
    return format_table("unapplied payments", head, lines)


def _format_unanswered(rows: list[UnansweredTotal]) -> str:
    head = ("account", "reason", "invoices", "msat")
    lines = [(row.account, row.reason, row.invoices, row.price_msat) for row in rows]
    return format_table("invoices that ended without an answer", head, lines)


async def _claim(connection: Connection, config: Config, payment_hash: bytes, note_id: bytes, as_json: bool) -> None:
    """Record a payment that the books do not know, for a note. Raises RefusedError and BackendError."""
    if (fault := await payment_books.find_claim_fault(connection, payment_hash)) is not None:
        raise RefusedError(_FAULTS[fault])
    payment = await _look_up(config, payment_hash)
    if payment.state is not PaymentState.PAID:
        raise RefusedError(_UNPAID[payment.state])
    if not payment.is_ours:
        raise RefusedError("the node was paid, but for something else: the relay's invoices are named otherwise there")
    fault = await payment_books.claim(connection, payment_hash, payment.received_msat, note_id)
    if fault is not None:
        raise RefusedError(_FAULTS[fault])
    if as_json:
        print(format_json({"amount_msat": payment.received_msat, "note": note_id.hex()}))
    else:
        print(
            f"claimed {payment.received_msat:,} msat: they buy the note when it is sent again, on a path of at most that price"
        )


async def _look_up(config: Config, payment_hash: bytes) -> Payment:
    """Ask the node, then the one of before. Raises BackendError and LightningConfigError."""
    section = config.lightning
    payment = Payment(PaymentState.UNKNOWN)
    for one in (section, section.previous):
        backend = None if one is None else open_backend(one)
        if backend is not None and payment.state is PaymentState.UNKNOWN:
            try:
                # No row has its reference any more. Nodes find an invoice by its payment hash alone.
                payment = await backend.look_up_payment(bytes(32), payment_hash)
            finally:
                await backend.close()
    return payment


async def _abandon(connection: Connection, config: Config, account: str, is_sure: bool, as_json: bool) -> None:
    """Give up the invoices of an account that is not asked any more. Raises RefusedError and BackendError."""
    keys = _open_keys(config)
    totals = await payment_books.read_totals(connection, keys)
    rows = [row for row in totals.invoices if row.account == account and row.state in ("open", "closed")]
    if not rows:
        raise RefusedError(
            "no invoice of this account could still be paid; ringrelay payments totals lists the accounts"
        )
    await _check_not_current(config, account)
    count, price_msat = sum(row.invoices for row in rows), sum(row.price_msat for row in rows)
    question = (
        f"{count:,} invoices of {account}, over {price_msat:,} msat together, could still be paid, or are paid already."
    )
    if not is_sure and not await asyncio.to_thread(_ask, question):
        raise RefusedError("nothing was changed")
    ended = await payment_books.abandon(connection, keys, account)
    print(
        format_json({"abandoned": ended}) if as_json else f"gave up {ended:,} invoices; totals counts them as abandoned"
    )


async def _check_not_current(config: Config, account: str) -> None:
    """Refuse to give up what the relay itself looks after. Raises RefusedError, and BackendError where the node is away."""
    backend = open_backend(config.lightning)
    if backend is None:
        return
    try:
        if await backend.find_account() == account:
            raise RefusedError(
                "this is the node or wallet of [lightning], which the relay asks about its invoices itself"
            )
    finally:
        await backend.close()


def _ask(question: str) -> bool:
    print(
        f"{question}\nNo payment for them will be found afterwards. Give them up? Type yes: ",
        file=sys.stderr,
        end="",
        flush=True,
    )
    return sys.stdin.readline().strip() == "yes"
