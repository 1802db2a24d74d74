"""One invoice at the configured node, made, looked up and cancelled as the relay does it, and told in plain words.

Nobody is shown the invoice, and nothing that is said holds a secret.
"""

import secrets
import time
from collections.abc import Callable

from relay.policy.tiers import MSAT_PER_SAT
from relay.pricing.lightning import open_backend
from relay.pricing.lightning.backend import Backend, BackendError, Invoice, PaymentState
from relay.pricing.lightning.invoices import MEMO, check_terms
from relay.pricing.settings import LightningConfigError, LightningSection


async def ask_node(section: LightningSection, amount_sat: int, expiry_s: int, say: Callable[[str], None]) -> bool:
    """Ask the node for an invoice, say what worked, and return whether all did. Raises LightningConfigError."""
    backend = open_backend(section)
    if backend is None:
        raise LightningConfigError("set [lightning] backend: there is no node to ask")
    # The wallet of a connection string (nwc) has no URL, and the string is a secret.
    place = f" at {section.url}" if section.url else ""
    say(f"asking {section.backend}{place} for an invoice over {amount_sat} sat, which nobody pays")
    failed = "not made"
    try:
        reference = secrets.token_bytes(32)
        invoice = await backend.create_invoice(reference, amount_sat * MSAT_PER_SAT, MEMO, expiry_s)
        check_terms(invoice, section.network, time.time(), expiry_s)
        say("made: its network, amount, payment hash and expiry are as asked")
        for warning in invoice.warnings:
            say(f"warning: {warning.advice}")
        failed = "not looked up"
        if not await _is_open(backend, reference, invoice, say):
            return False
        failed = "not cancelled"
        if await backend.cancel_invoice(reference, invoice.payment_hash):
            say("cancelled: nobody can pay it any more")
        else:
            # LNbits and phoenixd: the relay looks such invoices up until they are forgotten.
            say(
                f"not cancelled: this node cannot; nobody knows the invoice, and it expires in {expiry_s / 60:g} minutes"
            )
    except BackendError as error:
        say(f"{failed}: {error}")
        return False
    finally:
        await backend.close()
    return True


async def _is_open(backend: Backend, reference: bytes, invoice: Invoice, say: Callable[[str], None]) -> bool:
    """Look an invoice up that nobody has paid, and say whether the node agrees."""
    payment = await backend.look_up_payment(reference, invoice.payment_hash)
    if payment.state is PaymentState.OPEN:
        say("looked up: nobody has paid it")
        return True
    state = "paid" if payment.state is PaymentState.PAID else "unknown to it, or over"
    say(f"looked up: the node says that it is {state}, which is wrong; look into the node's log")
    return False
