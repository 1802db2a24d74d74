"""Posting on a priced path: what is asked, what a payment does, and who sees the note. Over a stub of LND."""

import gc
import json
import time
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from relay.pricing.lightning.invoices import WRONG_AMOUNT, WRONG_EXPIRY, WRONG_HASH, WRONG_NETWORK
from relay.protocol.event import Event
from relay.storage.row import SaveResult
from tests.support.bolt11 import sign_bolt11
from tests.support.client import Client, as_json
from tests.support.events import KEYS, make_event, make_ring_note, make_unlucky, make_words_note, sign_again
from tests.support.lightning_stubs import ClnrestStub, LndStub
from tests.support.lightning_stubs.node import Made
from tests.support.paid import order, reopened, shop
from tests.support.raw import port_of, request
from tests.support.relays import read_metric
from tests.support.waiting import until

DUPLICATE = (True, "duplicate: already have this event")
UNAVAILABLE = (False, "error: invoices are unavailable, try again later")


async def read_pay_page(url: str, accept: str = "application/json") -> tuple[int, dict[str, Any]]:
    head = f"GET /pay/{url.rpartition('/')[2]} HTTP/1.1\nHost: x\nAccept: {accept}"
    status, _, body = await request(port_of(url.rpartition("/pay/")[0]), head)
    return status, json.loads(body)


async def count(arguments: dict[str, Any], table: str) -> int:
    connection = await asyncpg.connect(**arguments)
    try:
        found: int = await connection.fetchval(f"SELECT count(*) FROM {table}")
        return found
    finally:
        await connection.close()


async def run(arguments: dict[str, Any], statement: str) -> None:
    connection = await asyncpg.connect(**arguments)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def read_unapplied(arguments: dict[str, Any]) -> list[tuple[int, str, bool]]:
    """Return the amounts, the reasons, and whether each can still buy its note."""
    connection = await asyncpg.connect(**arguments)
    try:
        rows = await connection.fetch(
            "SELECT amount_msat, reason, note_id IS NOT NULL FROM unapplied_payments ORDER BY 1, 2"
        )
        return [tuple(row) for row in rows]
    finally:
        await connection.close()


async def test_a_note_that_is_paid_for_appears_and_its_author_hears_of_it(
    database: dict[str, Any], tmp_path: Path
) -> None:
    note = make_ring_note()
    async with shop(database, tmp_path) as sold, Client(sold.expensive) as author, Client(sold.expensive) as reader:
        await reader.follow()
        offer = await order(author, note)
        assert offer.amount_sat == 10_000
        assert offer.pay_url.startswith(f"http://127.0.0.1:{port_of(sold.url)}/pay/")
        assert await reader.fetch({}) == []
        await sold.node.pay(offer.bolt11)
        assert await author.next("OK") == [note.id, True, ""]
        assert await reader.next("EVENT") == ["live", as_json(note)]
        assert await reader.fetch({}) == [as_json(note)]
        assert await author.publish(note) == DUPLICATE
        assert await count(database, "unpaid_notes") == 0


async def test_the_same_event_gets_the_same_invoice_and_nobody_else_does(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    note = make_ring_note(author=KEYS[9])
    # The same id with another valid signature of the same key: it takes the key to make it, and verifying to know that.
    forged = as_json(note) | {"sig": "0" * 128}
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as author, Client(sold.cheap) as other:
        offer = await order(author, note)
        assert await order(author, note) == offer
        assert await order(other, note) == offer
        assert await other.publish(forged) == (
            False,
            "invalid: the event's signature is wrong: sign its id again",
        )
        assert len(sold.node.made) == 1
        # Another tier is another price.
        async with Client(sold.expensive) as expensive:
            assert (await order(expensive, note)).amount_sat == 10_000


async def test_no_invoice_is_made_for_what_would_be_refused(database18: dict[str, Any], tmp_path: Path) -> None:
    note = make_ring_note(author=KEYS[9], tags=(("t", "x"),))
    bad_ring = as_json(make_event(key=KEYS[9], tags=(*note.tags[:-1], ("t", "y")), content=note.content))
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as author, Client(sold.url) as root:
        assert (await author.publish(bad_ring))[0] is False
        await root.publish_all(make_event(key=KEYS[9], kind=5, content="", tags=(("e", note.id), ("t", "z"))))
        text = "blocked: its author has deleted this event; it is not accepted again: post a new one"
        assert await author.publish(note) == (False, text)
        assert sold.node.made == []
        assert await count(database18, "unpaid_notes") == 0


async def test_no_invoice_is_made_for_a_version_that_a_newer_one_has_replaced(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    old, new = (make_event(key=KEYS[9], kind=0, content=str(age), created_at=age) for age in (1_000, 2_000))
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as author, Client(sold.url) as root:
        await root.publish_all(new)
        accepted, text = await author.publish(old)
        assert (accepted, text[:42]) == (False, "duplicate: a newer version of this event i")
        # The stored one can be raised.
        await order(author, new)
        assert len(sold.node.made) == 1


async def test_a_stored_note_is_upgraded_when_its_price_is_paid(database: dict[str, Any], tmp_path: Path) -> None:
    note = make_ring_note()
    async with shop(database, tmp_path) as sold, Client(sold.url) as root, Client(sold.expensive) as expensive:
        await root.publish_all(note)
        await root.follow()
        offer = await order(expensive, note)
        assert await count(database, "unpaid_notes") == 0
        assert await expensive.fetch({}) == []
        await sold.node.pay(offer.bolt11)
        assert await expensive.next("OK") == [note.id, True, "the note was here already; it is shown on this path now"]
        assert await expensive.fetch({}) == [as_json(note)]
        # Lower tiers take it as known, and those who had it do not get it twice.
        async with Client(sold.cheap) as cheap:
            assert await cheap.publish(note) == DUPLICATE
        assert await root.publish(note) == DUPLICATE


async def test_a_connection_that_waits_for_a_payment_keeps_no_note_in_memory(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as author:
        offer = await order(author, make_ring_note("heavy"))
        # Each thread that verifies remembers its last.
        async with Client(sold.url) as root:
            await root.publish_all(*(make_ring_note(str(number)) for number in range(20)))
        await until(lambda: not any(type(held) is Event and held.content == "heavy" for held in gc.get_objects()))
        await sold.node.pay(offer.bolt11)
        assert (await author.next("OK"))[1] is True


async def test_a_copy_of_words_can_be_bought(database18: dict[str, Any], tmp_path: Path) -> None:
    first, copy = make_words_note("the same words"), make_words_note("the same words")
    async with shop(database18, tmp_path) as sold, Client(sold.url) as root, Client(sold.cheap) as cheap:
        await root.publish_all(first)
        assert (await root.publish(copy))[1].startswith("duplicate: these words are here already")
        offer = await order(cheap, copy)
        await sold.node.pay(offer.bolt11)
        assert await cheap.next("OK") == [copy.id, True, ""]


async def test_the_author_can_withdraw_a_note_before_it_is_paid_for(database18: dict[str, Any], tmp_path: Path) -> None:
    note = make_ring_note(author=KEYS[9])
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as author:
        offer = await order(author, note)
        bare = make_event(key=KEYS[9], kind=5, content="", tags=(("e", note.id),))
        assert await author.publish(bare) == (True, "")
        assert await count(database18, "unpaid_notes") == 0
        assert (await read_pay_page(offer.pay_url))[0] == 404
        # The node can cancel, so nobody pays for nothing; then the row has no more use.
        await until(lambda: sold.node.made[0].cancelled)

        async def is_forgotten() -> bool:
            return await count(database18, "invoices") == 0

        await until(is_forgotten)


async def test_nobody_is_asked_to_raise_a_note_that_was_deleted(database18: dict[str, Any], tmp_path: Path) -> None:
    note = make_ring_note(author=KEYS[9])
    async with shop(database18, tmp_path) as sold, Client(sold.url) as root, Client(sold.cheap) as payer:
        assert sold.relay._payments is not None
        await root.publish_all(note)
        offer = await order(payer, note)
        await root.publish_all(make_event(key=KEYS[9], kind=5, content="", tags=(("e", note.id),)))
        await sold.relay._payments.collector.delete_forgotten()
        assert (await read_pay_page(offer.pay_url))[0] == 404
        await until(lambda: sold.node.made[0].cancelled)


async def test_a_payment_that_comes_late_buys_the_note_when_it_is_sent_again(
    database: dict[str, Any], tmp_path: Path
) -> None:
    note = make_ring_note()
    async with shop(database, tmp_path) as sold, Client(sold.cheap) as author:
        offer = await order(author, note)
        # As after expiry and grace, at a node that could not cancel.
        await run(database, "DELETE FROM unpaid_notes")
        await sold.node.pay(offer.bolt11)

        async def is_kept() -> bool:
            return await count(database, "unapplied_payments") == 1

        await until(is_kept)
        assert await author.next("OK") == [note.id, False, SaveResult.LATE_PAID.text]
        assert await read_unapplied(database) == [(1_000_000, "late", True)]
        assert (await read_pay_page(offer.pay_url))[0] == 409
        async with Client(sold.expensive) as expensive:
            # It is not enough for another tier.
            await order(expensive, note)
        assert await author.publish(note) == (True, "")
        assert await author.fetch({}) == [as_json(note)]
        assert await read_unapplied(database) == []
        assert len(sold.node.made) == 2


async def test_old_words_are_not_sold_but_published_where_they_were_paid_for_before(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    words = make_words_note()
    note = sign_again(words, KEYS[60], words.tags, int(time.time()) - 3700)
    async with shop(database18, tmp_path) as sold:
        async with Client(sold.cheap) as author:
            offer = await order(author, note)
            await run(database18, "DELETE FROM unpaid_notes")
            await sold.node.pay(offer.bolt11)

            async def is_kept() -> bool:
                return await count(database18, "unapplied_payments") == 1

            await until(is_kept)
        stricter = reopened(database18, sold.node, ring={"max_age_message_forms_s": 3600})
        async with stricter as again, Client(again.cheap) as author, Client(again.expensive) as expensive:
            assert (await expensive.publish(note))[1].startswith("invalid: created_at is more than 3600 seconds")
            assert await author.publish(note) == (True, "")


async def test_what_is_paid_beyond_the_price_is_kept_and_buys_no_higher_tier(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    note = make_ring_note()
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as author, Client(sold.expensive) as expensive:
        offer = await order(author, note)
        await sold.node.pay(offer.bolt11, more_msat=9_500_000)
        assert await author.next("OK") == [note.id, True, ""]
        assert await expensive.fetch({}) == []
        assert await read_unapplied(database18) == [(9_500_000, "over", False)]


async def test_two_tiers_paid_for_one_note_publish_it_once_and_raise_it(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    note = make_ring_note()
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as cheap, Client(sold.expensive) as expensive:
        cheap_offer, expensive_offer = await order(cheap, note), await order(expensive, note)
        await cheap.follow()
        await sold.node.pay(expensive_offer.bolt11)
        assert await expensive.next("OK") == [note.id, True, ""]
        # Who waits for the cheaper tier has what was asked for, too.
        assert [(await cheap.receive())[0] for _ in range(2)] == ["OK", "EVENT"]
        await sold.node.pay(cheap_offer.bolt11)

        async def is_kept() -> bool:
            return await count(database18, "unapplied_payments") == 1

        await until(is_kept)
        assert await read_unapplied(database18) == [(1_000_000, "double", False)]
        assert await expensive.fetch({}) == [as_json(note)]


async def test_a_node_that_is_down_parks_nothing(database18: dict[str, Any], tmp_path: Path) -> None:
    note = make_ring_note()
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as author:
        await sold.node.stop()
        assert await author.publish(note) == UNAVAILABLE
        assert await count(database18, "unpaid_notes") == await count(database18, "invoices") == 0
        await sold.node.start()
        offer = await order(author, note)
        # Down while it is paid: what was missed is found afterwards.
        await sold.node.pay(offer.bolt11)
        await sold.node.stop()
        await sold.node.start()
        assert await author.next("OK") == [note.id, True, ""]


async def test_what_was_paid_while_the_relay_was_away_is_published_at_its_start(
    database: dict[str, Any], tmp_path: Path
) -> None:
    note = make_ring_note()
    node = LndStub(tmp_path)
    await node.start()
    async with reopened(database, node) as sold, Client(sold.cheap) as author:
        offer = await order(author, note)
    await node.pay(offer.bolt11)
    async with reopened(database, node) as sold, Client(sold.cheap) as reader:

        async def is_here() -> bool:
            return await reader.fetch({}) == [as_json(note)]

        await until(is_here)
    await node.stop()


async def test_two_relays_on_one_database_publish_a_paid_note_once(database18: dict[str, Any], tmp_path: Path) -> None:
    notes = [make_ring_note(str(number)) for number in range(10)]
    async with shop(database18, tmp_path) as sold, reopened(database18, sold.node) as other:
        async with Client(sold.cheap) as author, Client(other.cheap) as reader, Client(other.cheap) as second_author:
            await reader.follow()
            for note in notes:
                # Whichever process learns of the payment, both authors hear of it.
                offer = await order(author, note)
                assert await order(second_author, note) == offer.__class__(
                    offer.amount_sat,
                    offer.pay_url.replace(str(port_of(sold.url)), str(port_of(other.url))),
                    offer.bolt11,
                    offer.purpose,
                )
                await sold.node.pay(offer.bolt11)
                assert (await author.next("OK"))[:2] == [note.id, True]
                assert (await second_author.next("OK"))[:2] == [note.id, True]
                assert await reader.next("EVENT") == ["live", as_json(note)]
        assert await count(database18, "unapplied_payments") == 0


async def test_a_paid_note_is_held_where_notes_are_published_in_batches(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    note = make_ring_note()
    privacy = {"publish_every_s": 3_600}
    async with shop(database18, tmp_path, privacy=privacy) as sold, Client(sold.cheap) as author:
        offer = await order(author, note)
        assert (await read_pay_page(offer.pay_url))[0] == 402
        await sold.node.pay(offer.bolt11)
        event_id, accepted, text = await author.next("OK")
        assert (event_id, accepted) == (note.id, True)
        assert text.endswith("in the next batch, within 3600 seconds")
        assert await author.publish(note) == (True, text)
        status, page = await read_pay_page(offer.pay_url)
        assert (status, page["state"]) == (202, "paid")
        assert "note" not in page
        await sold.relay.publisher.publish(0)
        assert await author.fetch({}) == [as_json(note)]
        status, page = await read_pay_page(offer.pay_url)
        assert (status, page["state"], page["note"]) == (200, "published", note.id)


async def test_a_stored_note_is_upgraded_with_the_batch_where_there_is_one(
    database: dict[str, Any], tmp_path: Path
) -> None:
    note = make_ring_note()
    privacy = {"publish_every_s": 3_600}
    async with (
        shop(database, tmp_path, privacy=privacy) as sold,
        Client(sold.cheap) as cheap,
        Client(sold.expensive) as expensive,
    ):
        assert (await cheap.publish(note))[0] is False
        async with Client(sold.url) as root:
            await root.publish_all(note)
            await sold.relay.publisher.publish(0)
            assert await root.fetch({}) == [as_json(note)]
        for client in (cheap, expensive):
            await client.follow()
        for client in (cheap, expensive):
            offer = await order(client, note)
            await sold.node.pay(offer.bolt11)
            event_id, accepted, text = await client.next("OK")
            assert (event_id, accepted, "in the next batch" in text) == (note.id, True, True)
            # Known by now, at this price, and shown to nobody yet.
            assert await client.publish(note) == (True, text)
            assert await client.fetch({}) == []
        await sold.relay.publisher.publish(0)
        for client in (cheap, expensive):
            assert await client.next("EVENT") == ["live", as_json(note)]
            assert await client.fetch({}) == [as_json(note)]
        # What was paid for the lower tier has published nothing: the note was not there yet.
        assert await read_unapplied(database) == [(1_000_000, "double", False)]


async def test_the_pay_page_follows_the_note_until_it_is_forgotten(database18: dict[str, Any], tmp_path: Path) -> None:
    note = make_ring_note()
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as author:
        assert sold.relay._payments is not None
        offer = await order(author, note)
        status, page = await read_pay_page(offer.pay_url)
        assert (status, page["state"], page["amount_msat"], page["bolt11"]) == (402, "open", 1_000_000, offer.bolt11)
        assert note.id not in json.dumps(page)
        await sold.node.pay(offer.bolt11)
        await author.next("OK")
        status, page = await read_pay_page(offer.pay_url)
        assert (status, page["note"]) == (200, note.id)
        assert "bolt11" not in page
        await run(database18, "UPDATE invoices SET forget_at = 1")
        await sold.relay._payments.collector.delete_forgotten()
        unknown = await read_pay_page(f"{sold.url}/pay/{'0' * 32}")
        assert await read_pay_page(offer.pay_url) == unknown
        assert unknown[0] == 404
        for path in ("/pay", "/pay/", "/pay/x", f"/pay/{'0' * 33}", f"/pay/{'A' * 32}"):
            assert (await request(port_of(sold.url), f"GET {path} HTTP/1.1\nHost: x"))[0] == 404


async def test_an_invoice_takes_proof_of_work_that_grows_with_those_that_are_open(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    invoices = {"pow_bits": 2, "pow_bits_when_full": 8, "max_open": 4, "max_open_per_connection": 9}
    async with shop(database18, tmp_path, invoices=invoices) as sold, Client(sold.cheap) as author:
        for number, bits in enumerate((2, 4, 6, 8)):
            text = f"pow: {bits} bits of proof of work are needed for this note (NIP-13); mine a nonce"
            assert await author.publish(make_unlucky(str(number))) == (False, text)
            note = make_ring_note(f"{number} mined", pow_bits=bits)
            await order(author, note)
            # Once an invoice is open, the same event gets it whatever is asked of others.
            await order(author, note)


class _WrongNode(LndStub):
    """Make invoices that say something else than was asked for, in the way of `fault`."""

    fault = ""

    def make(self, label: str, amount_msat: int, memo: str, expiry_s: int, preimage: bytes | None = None) -> Made:
        made = super().make(label, amount_msat, memo, expiry_s, preimage)
        network, amount = ("bc" if self.fault == WRONG_NETWORK else "bcrt"), amount_msat * 10
        if self.fault == WRONG_AMOUNT:
            amount += 10_000
        payment_hash = bytes(32) if self.fault == WRONG_HASH else made.payment_hash
        expiry_s = 60 if self.fault == WRONG_EXPIRY else expiry_s
        made.bolt11 = sign_bolt11(f"ln{network}{amount}p", payment_hash, expiry_s)
        return made


@pytest.mark.parametrize("fault", [WRONG_NETWORK, WRONG_AMOUNT, WRONG_HASH, WRONG_EXPIRY])
async def test_an_invoice_that_is_not_what_was_asked_for_is_shown_to_nobody(
    database18: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    async with _WrongNode(tmp_path).running() as node, reopened(database18, node) as sold, Client(sold.cheap) as author:
        await order(author, make_ring_note("right"))
        node.fault = fault
        assert await author.publish(make_ring_note("wrong")) == UNAVAILABLE
        assert await count(database18, "unpaid_notes") == await count(database18, "invoices") == 1
    assert fault in capsys.readouterr().err


async def test_an_operator_hears_once_what_is_wrong_with_the_node(
    database18: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as author:
        await order(author, make_ring_note("before"))
        await sold.node.stop()
        for number in range(3):
            assert await author.publish(make_ring_note(str(number))) == UNAVAILABLE
        await sold.node.start()
        await order(author, make_ring_note("back"))
        # Before it makes anything again, the node is asked who it is.
        assert read_metric(sold.relay, 'ringrelay_lightning_errors_total{operation="account"}') >= 3
        assert read_metric(sold.relay, "ringrelay_lightning_last_success_timestamp_seconds") > 0
    said = capsys.readouterr().err
    assert (
        said.count(
            "event='lightning_unavailable' name='lightning' advice='the Lightning node cannot be reached; check [lightning] url"
        )
        == 1
    )
    assert said.count("event='lightning_recovered'") == 1


async def test_an_operator_hears_once_that_invoices_may_not_be_payable(
    database18: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with ClnrestStub(tmp_path).running() as node, reopened(database18, node) as sold:
        async with Client(sold.cheap) as author:
            for number in range(2):
                await order(author, make_ring_note(str(number)))
        assert read_metric(sold.relay, 'ringrelay_lightning_warnings_total{warning="capacity"}') == 2
        assert read_metric(sold.relay, 'ringrelay_lightning_warnings_total{warning="mpp"}') == 0
    said = capsys.readouterr().err
    assert said.count("event='lightning_warning' advice=\"the Lightning node's channels cannot receive the price") == 1


async def test_the_metrics_hold_totals_and_nothing_else(database18: dict[str, Any], tmp_path: Path) -> None:
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as author:
        assert sold.relay._payments is not None
        offer = await order(author, make_ring_note())
        await order(author, make_ring_note("waits"))
        await sold.node.pay(offer.bolt11, more_msat=1)
        await author.next("OK")
        await sold.relay._payments.collector.delete_forgotten()
        for name, value in (
            ('ringrelay_settled_msat_total{tier="/1k"}', 1_000_001),
            ('ringrelay_settled_msat_total{tier="/10k"}', 0),
            ('ringrelay_invoices{state="open"}', 1),
            ("ringrelay_unpaid_notes", 1),
            ("ringrelay_settlement_to_publication_seconds_count", 1),
        ):
            assert read_metric(sold.relay, name) == value, name
        assert read_metric(sold.relay, "ringrelay_unpaid_bytes") > 500


async def test_a_payment_that_comes_while_its_note_is_sent_again_is_heard_of(
    database18: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = make_ring_note()
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as author, Client(sold.cheap) as other:
        offer = await order(author, note)
        assert sold.relay._payments is not None
        ledger = sold.relay._payments.checkout._ledger
        find_status = ledger.find_status

        async def find_status_in_vain(note_id: bytes) -> Any:
            """Find the note unpaid, and be told so when it is paid and published."""
            status = await find_status(note_id)
            monkeypatch.undo()
            await sold.node.pay(offer.bolt11)
            assert (await author.next("OK"))[:2] == [note.id, True]
            return status

        monkeypatch.setattr(ledger, "find_status", find_status_in_vain)
        assert await other.publish(note) == DUPLICATE
        # Nothing follows.
        assert await other.fetch({}) == [as_json(note)]


async def test_who_waits_hears_that_a_paid_note_was_refused_after_all(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    answers = [
        make_ring_note(word, scope=f"1018:{'5' * 64}", kind=1018, tags=(("e", "5" * 64),)) for word in ("yes", "no")
    ]
    async with shop(database18, tmp_path) as sold, Client(sold.cheap) as author:
        offers = [await order(author, answer) for answer in answers]
        for offer in offers:
            await sold.node.pay(offer.bolt11)
        told = [await author.next("OK") for _ in offers]
        assert sorted(accepted for _, accepted, _ in told) == [False, True]
        (refused,) = [text for _, accepted, text in told if not accepted]
        assert refused.startswith("duplicate: this ring member has already answered")
        assert await read_unapplied(database18) == [(1_000_000, "refused", False)]
