"""`ringrelay publish --ring`: signs and sends in one process, which can mine what the relay asks for.

The throwaway key of the note's outer event is in this process's memory only. Once it ends, more work needs a new note.
"""

import argparse
import asyncio

import msgspec
from coincurve import PrivateKey

from relay.client.commands.sign import read_message
from relay.client.commands.sign_options import read_draft
from relay.client.network import delay
from relay.client.network.deliver import Reporter, find_exit_status, send_events, warn_of_size
from relay.client.network.pay import PaymentTerms
from relay.client.network.relay_connection import Destination, PublishResult
from relay.client.signing.advice import find_pow_bits
from relay.client.signing.compose import make_note
from relay.client.signing.draft import Draft
from relay.client.signing.envelope import MAX_POW_BITS, describe_work, estimate_work_s, sign_event_again
from relay.client.terminal import anonymity_notice
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.notices import print_notice
from relay.protocol.event import Event, count_leading_zero_bits, decode_event
from relay.verify.message_only import TEXT_NOTE

# The most work that is done for a relay without asking the author, over all rounds.
MAX_UNASKED_S = 300.0
# A relay may ask for more while the first bits are mined: an invoice needs more work when many are open.
MAX_ROUNDS = 4


def sign_and_publish(arguments: argparse.Namespace, destination: Destination, terms: PaymentTerms) -> int:
    """Sign the message on stdin and send the note. Mine and send again if the relay asks for it. Raises BadInput."""
    anonymity_notice.print_anonymity_notice(arguments.quiet)
    author = PrivateKey()
    draft = _read_draft(arguments)
    note = make_note(draft, author)
    warn_of_size([note])
    delay.wait(destination.mean_delay_s)
    result = _send_note(destination, note, terms)
    work_budget_s = MAX_UNASKED_S
    for _ in range(MAX_ROUNDS):
        bits = _find_asked_bits(result, note)
        if bits is None or estimate_work_s(note.content, bits) > work_budget_s:
            break
        work_budget_s -= estimate_work_s(note.content, bits)
        print_notice(f"the relay asks for {bits} bits of proof of work: mining, {describe_work(note.content, bits)}")
        note = sign_event_again(note, author, bits)
        # A new connection, and through Tor a new circuit: none is left open while this machine mines.
        result = _send_note(destination, note, terms)
    _report_result(note, result, Reporter(terms.is_invoice_only))
    return find_exit_status([result])


def _read_draft(arguments: argparse.Namespace) -> Draft:
    """Return the draft of the words that were given. Raises BadInput, for an event first: other advice would mislead."""

    def refuse_event(words: str) -> str:
        if arguments.kind == TEXT_NOTE and _is_event(words):
            raise BadInput("what stdin holds is signed already: leave --ring out, and it is sent as it is")
        return words

    if arguments.message is not None:
        refuse_event(arguments.message)
    return read_draft(arguments, lambda: refuse_event(read_message()))


def _is_event(words: str) -> bool:
    """Return whether words are an event's JSON. To sign that as a text note could not be undone."""
    try:
        decode_event(words.encode())
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def _send_note(destination: Destination, note: Event, terms: PaymentTerms) -> PublishResult:
    (result,) = asyncio.run(send_events(destination, [note], terms, lambda _, __: None))
    return result


def _find_asked_bits(result: PublishResult, note: Event) -> int | None:
    """Return how many bits of work the relay asks for, None where the note has them or mining does not help."""
    bits = find_pow_bits(result.text) if result.outcome == "refused" else None
    return bits if bits is not None and bits > _count_committed_bits(note) else None


def _count_committed_bits(note: Event) -> int:
    """Return for how many bits a note was mined: its nonce tag says so (NIP-13)."""
    targets = [int(tag[2]) for tag in note.tags if tag[0] == "nonce"]
    return min(*targets, count_leading_zero_bits(note.id)) if targets else 0


def _report_result(note: Event, result: PublishResult, reporter: Reporter) -> None:
    asked = _find_asked_bits(result, note)
    if asked is not None and asked <= MAX_POW_BITS:
        reporter.print_line(note, result)
        print_notice(
            "pow: this much work is not done without asking: "
            f"add --pow {asked}, {describe_work(note.content, asked)}, or try another relay"
        )
        return
    reporter.report_result(note, result)
    if result.outcome == "unanswered":
        print_notice(
            f"the relay may have kept it: ask with `ringrelay subscribe URL --stored --id {note.id}` before you sign again"
        )
