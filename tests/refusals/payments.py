"""Refusals on paths with a price: what is asked for, and why nothing can be asked for now."""

from tests.refusals.case import Case, Elsewhere

_SPECIAL = "tests/refusals/test_priced.py"

PAYMENTS = [
    Case(
        "restricted: payment required: ",
        "The note was verified, and is published once the invoice behind these words is paid: "
        "`210 sat for this note on /1k, pay at https://.../pay/<token> or lightning:lnbc...`. It need not be sent again. "
        "Where the note is here already, or a part of its price came before, the words say so.",
        "Pay. Sent again while the invoice is open, the same event gets the same one. A second OK, true, follows on a "
        "connection that is still open.",
        Elsewhere(f"{_SPECIAL}::test_a_verified_note_is_offered_for_its_price"),
    ),
    Case(
        "invalid: the event expires before it could be paid for and published; post it with a later expiration tag or none",
        "On a path with a price: it would be gone when its invoice can still be paid, or before the next batch is published.",
        "Post it with an expiration of an hour at least, or on a path without a price.",
        Elsewhere(f"{_SPECIAL}::test_a_note_that_is_about_to_expire_is_not_sold"),
    ),
    Case(
        "rate-limited: at most {invoices.max_open_per_connection} unpaid invoices per connection; "
        "pay one, or wait until one has expired",
        "The connection already has the allowed number of open invoices.",
        "Pay one, or wait. Other notes of yours should travel on other connections anyway.",
        Elsewhere(f"{_SPECIAL}::test_a_connection_has_so_many_invoices_and_no_more"),
    ),
    Case(
        "rate-limited: at most {invoices.per_s} invoices a second are made here; wait and try again",
        "All clients together ask for invoices faster than the operator allows, and the burst is used up.",
        "Send the same note again in a moment.",
        Elsewhere(f"{_SPECIAL}::test_invoices_are_made_at_a_bounded_rate"),
    ),
    Case(
        "rate-limited: at most {invoices.max_per_note} invoices a note; pay one of them, or wait until they have expired",
        "The note was sent on several priced paths.",
        "Pay one of its invoices, or wait until one has expired.",
        Elsewhere(f"{_SPECIAL}::test_a_note_has_so_many_invoices_and_no_more"),
    ),
    Case(
        "error: too many invoices are open, and their payers wait; try again in some minutes",
        "There are already `invoices.max_open` unpaid invoices, and for each a client waits, or its pay page was opened. Others "
        "would have made room.",
        "Send the same note again later. Invoices that are not paid expire.",
        Elsewhere(f"{_SPECIAL}::test_so_many_invoices_are_open_and_no_more"),
    ),
    Case(
        "error: too many notes wait to be paid for; try again in some minutes",
        "There are `invoices.max_unpaid_notes` of them, or they take `invoices.max_unpaid_mib` MiB, and their payers wait.",
        "Send the same note again later. Notes whose invoices expire make room.",
        Elsewhere(f"{_SPECIAL}::test_so_many_notes_wait_and_no_more"),
    ),
    Case(
        "error: an invoice for this note is being made; send it again in a minute",
        "The same event was sent twice at the same moment, and its invoice took the node longer than anybody waits for it here.",
        "Send it again: it gets the invoice that was being made.",
        Elsewhere(f"{_SPECIAL}::test_who_has_waited_too_long_for_an_invoice_is_told_to_come_again"),
    ),
    Case(
        "error: the key under which orders are kept is on another machine; post to the relay there, or tell the operator",
        "Relays on two machines share a database; the key is on the other one.",
        "Post to the relay on the other machine, or tell the operator.",
        Elsewhere(
            "tests/integration/test_order_keys.py::test_an_order_at_a_relay_without_the_key_is_refused_with_words"
        ),
    ),
    Case(
        "error: invoices are unavailable, try again later",
        "The relay's Lightning node does not answer. Nothing was kept.",
        "Send the same note again later.",
        Elsewhere(f"{_SPECIAL}::test_a_node_that_does_not_answer_sells_nothing"),
    ),
    Case(
        "error: the Lightning node made a faulty invoice, which was not used; try again later, or tell the operator",
        "The relay's Lightning node gave the payment hash of another invoice. Nothing was kept.",
        "Send the same note again later. The log tells the operator what is wrong.",
        Elsewhere(f"{_SPECIAL}::test_a_payment_hash_that_the_node_has_given_before_is_not_sold"),
    ),
    Case(
        "restricted: less was paid than the invoice asks for; it counts: send the note again, and pay the rest",
        "A second OK: the payment was below the price, so it has published nothing yet.",
        "Send the same note again: the offer is over the rest.",
        Elsewhere("tests/integration/test_short_payments.py::test_a_short_payment_is_told_and_the_rest_buys_the_note"),
    ),
    Case(
        "error: the payment came too late for the note, which is not here any more; it counts: send it again",
        "A second OK: the unpaid note was dropped before its payment came, as its time was over or its author withdrew it.",
        "Send the same note again: it is published without another payment.",
        Elsewhere(
            "tests/integration/test_raised_price.py"
            "::test_a_payment_of_the_old_price_that_comes_late_buys_the_note_at_that_price"
        ),
    ),
    Case(
        "invalid: the event expired before its payment came; ask the operator for the money",
        "A second OK: the payment came so late that the note's own expiration was over.",
        "Ask the operator, whom the info document names. The money is in the relay's books, as `refused`.",
        Elsewhere("tests/integration/test_short_payments.py::test_a_payer_hears_that_the_note_has_expired_meanwhile"),
    ),
    Case(
        "error: a payment cannot be stored here at the moment, so nothing is sold; try again later",
        "The relay has found a payment, and its database stores nothing: its disk may be full.",
        "Send the same note again later. An invoice that you have can be paid; the relay finds the payment afterwards.",
        Elsewhere("tests/adversity/test_disk_full.py::test_nothing_is_sold_while_a_payment_cannot_be_stored"),
    ),
]
