"""Whatever payers, authors, the node and two processes do, in any order and however often one of them dies: no payment is lost, and
none buys twice.

Meanwhile the operator changes to another node and back, in both processes or in one, puts back an earlier copy of the data, and
clocks jump. What every step must keep is in `check`. Two sums cannot hold and do not. What a node takes after the relay has
forgotten its invoice is not settled: a day after the last moment to pay, of nodes that can neither cancel nor refuse what is late;
or after a restore. It is counted, and can be claimed once. And what was published and then deleted by its author stays spent.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from relay.policy.tiers import MSAT_PER_SAT
from relay.pricing.lightning.backend import BackendError
from relay.pricing.offer import PaymentRequired
from relay.protocol.refusal import Prefix, Rejected
from relay.storage import payment_books
from relay.storage.insert import insert_batch
from relay.storage.payment_books import ClaimFault
from relay.storage.payments.settlement import PaymentTerms
from relay.storage.row import Result, SaveResult
from tests.support.events import to_ring_note
from tests.support.held import make_waiting
from tests.support.killable import Killed, Process
from tests.support.ledger import Ledger, copy, empty, put_back, read_ledger
from tests.support.payment_laws import check_caps, check_money, check_publication, check_told, find_lost
from tests.support.payments_bench import (
    ALTERED,
    BEGIN,
    DELETIONS,
    FORGED,
    IDS,
    NOTES,
    POLICY,
    RIVALS,
    TIERS,
    Bench,
    opened_bench,
)
from tests.support.postgres_servers import PostgresServer
from tests.support.scripted_node import Booked, ScriptedNode

# What one process does: its name, and the number of the note and of the tier where it is about these.
Action = tuple[str, int, int]
# Most of what can go wrong takes several things that happen to one note.
notes = st.one_of(st.integers(0, 1), st.integers(0, 1), st.integers(0, len(NOTES) - 1))
actions = st.one_of(
    st.tuples(st.just("send"), notes, st.integers(0, 2)),
    st.tuples(st.sampled_from(["follow", "look_up", "clean", "publish", "expire"]), st.just(0), st.just(0)),
    st.tuples(st.sampled_from(["send", "delete"]), notes, st.just(0)),
)
processes = st.integers(0, 1)
amounts = st.sampled_from(["exact", "exact", "exact", "short", "half", "over"])
both = st.sampled_from([(0,), (1,), (0, 1)])
LEARNS = ["follow", "look_up"]
SKEWS_S = [0, 7, 300]
JUMPS_S = [-100_000, -3_600, 0, 3_600, 100_000]
# Each takes a second. `make test-more` looks further.
EXAMPLES = 200 if os.environ.get("RELAY_TEST_MORE") == "1" else 40


class Copied(NamedTuple):
    """What was known when the data was copied: what was settled, which keys there were, and what clients had heard."""

    settled: set[bytes]
    keys: list[bytes]
    clients: list[tuple[Counter[tuple[bytes, int]], list[tuple[bytes, int, Result]]]]


class PaymentsMachine(RuleBasedStateMachine):
    """Sell notes in two processes of one database."""

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self._bench = bench
        self._now = BEGIN
        self._shown: list[bytes] = []
        self._settled: set[bytes] = set()
        self._unclaimed: set[bytes] = set()
        self._untold: set[bytes] = set()
        self._copied: Copied | None = None
        self._spread_s = max(SKEWS_S)
        self._has_died = False
        self._is_sound = False

    @initialize(
        publish_every_s=st.sampled_from([0.0, 600.0]),
        cancels=st.booleans(),
        takes_late=st.booleans(),
        skew_s=st.sampled_from(SKEWS_S),
        seed=st.integers(0, 2**32 - 1),
    )
    def begin(self, publish_every_s: float, cancels: bool, takes_late: bool, skew_s: int, seed: int) -> None:
        # Payments that are due together are looked up in the order of their references.
        token_bytes = random.Random(seed).randbytes
        self._nodes = [
            ScriptedNode(lambda: self._now, cancels=cancels, takes_late=takes_late, account=account)
            for account in ("scripted a", "scripted b")
        ]
        self._processes = [
            Process(
                self._bench.arguments,
                self._nodes[0],
                self._bench.verify_pool,
                POLICY,
                publish_every_s,
                lambda: self._now,
                skew,
                token_bytes,
                self._bench.key_files,
            )
            for skew in (0, skew_s)
        ]
        self._bench.run(self._begin())

    async def _begin(self) -> None:
        await empty(self._bench.watcher)
        for process in self._processes:
            await process.start()
        self._ledger = await read_ledger(self._bench.watcher, self._bench.key_files)
        self._is_sound = True

    @rule(number=processes, action=actions)
    def act(self, number: int, action: Action) -> None:
        """Let one process do one thing, undisturbed, and expect what follows at once."""
        before = self._ledger
        with self._step():
            result = self._bench.run(self._do(number, action))
            after = self._bench.run(read_ledger(self._bench.watcher, self._bench.key_files))
            self._expect(action, result, before, after)

    def _expect(self, action: Action, result: Any, before: Ledger, after: Ledger) -> None:
        name, note, tier = action
        asked = {row.note_id for row in after.invoices if row.state == "open"}
        if name == "send" and TIERS[tier].price_msat:
            is_kept = before.price_of(IDS[note]) >= TIERS[tier].price_msat
            is_bought = before.unapplied_of(IDS[note]) >= TIERS[tier].price_msat
            # What waits for a note buys it before anybody is asked to pay again.
            assert not (isinstance(result, PaymentRequired) and (is_kept or is_bought))
            if isinstance(result, Rejected) and "unavailable" in str(result):
                assert after.unpaid <= before.unpaid
            if isinstance(result, PaymentRequired) and len(after.invoices) > len(before.invoices):
                rest_msat = TIERS[tier].price_msat - before.unapplied_of(IDS[note])
                assert result.offer.amount_sat == -(-rest_msat // MSAT_PER_SAT)
                # Nobody is asked to pay for what would be refused if they paid now.
                assert self._bench.run(self._try(note, tier)) in (
                    SaveResult.STORED,
                    SaveResult.UPGRADED,
                    SaveResult.HELD,
                )
        # NIP-09: a request cannot be deleted.
        if name == "delete" and NOTES[note].kind != 5 and isinstance(result, SaveResult) and result.accepted:
            # What waits is refused with the batch.
            assert IDS[note] not in (after.here - after.held.keys()) | asked
        if name == "clean":
            assert after.unpaid <= {row.note_id for row in after.invoices if row.is_open}
            assert asked <= after.here

    @rule(number=processes, action=actions, steps=st.integers(0, 40))
    def die_over(self, number: int, action: Action, steps: int) -> None:
        """Kill a process after so many steps of what it does, and start it again."""
        with self._step():
            self._processes[number].life.steps_left = steps
            try:
                self._bench.run(self._do(number, action))
            except Killed:
                pass
            self._bench.run(self._start_again(number))

    @rule(action=actions, other=actions, same=st.booleans())
    def race(self, action: Action, other: Action, same: bool) -> None:
        """Let two processes, or one, do two things at once."""
        with self._step():
            self._bench.run(self._do_both(self._do(0, action), self._do(0 if same else 1, other)))

    @rule(first=st.sampled_from(LEARNS), second=st.sampled_from(["follow", "look_up", "clean", "publish"]))
    def settle_at_once(self, first: str, second: str) -> None:
        """Let both processes learn of the same payments in one moment."""
        with self._step():
            self._bench.run(self._do_both(self._do(0, (first, 0, 0)), self._do(1, (second, 0, 0))))

    @rule(
        number=processes,
        note=notes,
        tiers=st.sampled_from([(1,), (2,), (1, 2), (2, 1)]),
        amount=amounts,
        seconds=st.sampled_from([0, 0, 0, 901, 100_000]),
        learns=st.sampled_from([None, *LEARNS, "clean"]),
    )
    def buy(
        self, number: int, note: int, tiers: tuple[int, ...], amount: str, seconds: int, learns: str | None
    ) -> None:
        """Order a note on one path or two and pay for it; the other process learns of that, perhaps, and perhaps late."""
        with self._step():
            for tier in tiers:
                if isinstance(self._bench.run(self._do(number, ("send", note, tier))), PaymentRequired):
                    self._pay(0, amount)
            self._now += seconds
            if learns is not None:
                self._bench.run(self._do(1 - number, (learns, 0, 0)))

    @rule(which=st.integers(0, 9), amount=amounts)
    def pay(self, which: int, amount: str) -> None:
        """Pay one of the invoices that were shown, 0 the newest."""
        self._pay(which, amount)

    @rule(operation=st.sampled_from(["create", "lookup", "cancel"]), is_after=st.booleans(), which=st.integers(0, 9))
    def pay_meanwhile(self, operation: str, is_after: bool, which: int) -> None:
        """Let a payment come in the moment before or after the node does what it is asked next."""
        for node in self._nodes:
            node.meanwhile[operation, is_after] = lambda: self._pay(which, "exact")

    def _pay(self, which: int, amount: str) -> None:
        if not self._shown:
            return
        payment_hash = self._shown[-1 - which % len(self._shown)]
        node = next(node for node in self._nodes if payment_hash in node.books)
        booked = node.books[payment_hash]
        price = booked.amount_msat
        msat = {"exact": price, "short": price - 1, "half": (price + 1) // 2, "over": price + 5_000}[amount]
        is_late = self._now >= booked.expires_at + POLICY.grace_s + POLICY.forget_after_s - self._spread_s
        if node.pay(booked.payment_hash, msat) and is_late and not node.cancels:
            self._unclaimed.add(booked.reference)

    @rule(seconds=st.sampled_from([61, 901, 901, 4_501, 100_000]))
    def wait(self, seconds: int) -> None:
        self._now += seconds

    @rule(operation=st.sampled_from(["create", "lookup", "cancel"]), is_done=st.sampled_from([None, None, False, True]))
    def break_node(self, operation: str, is_done: bool | None) -> None:
        """Let one of the node's operations fail from now on, before or after it took effect; None mends all."""
        for node in self._nodes:
            if is_done is None:
                node.faults.clear()
            else:
                node.faults[operation] = is_done

    @rule(numbers=both, node=st.integers(0, 1), names_previous=st.booleans())
    def change_node(self, numbers: tuple[int, ...], node: int, names_previous: bool) -> None:
        """Start processes again with a node, perhaps another one, and perhaps with the one of before to look after."""
        with self._step():
            for number in numbers:
                self._processes[number].node = self._nodes[node]
                self._processes[number].previous = self._nodes[1 - node] if names_previous else None
                self._bench.run(self._start_again(number))

    @rule(number=processes, ahead_s=st.sampled_from(JUMPS_S))
    def jump(self, number: int, ahead_s: int) -> None:
        """Let the clock of a process jump."""
        self._processes[number].skew_s = ahead_s
        skews = [0, *(process.skew_s for process in self._processes)]
        # What it forgets too early stays forgotten when it is right again.
        self._spread_s = max(self._spread_s, max(skews) - min(skews))

    @rule()
    def copy(self) -> None:
        """Copy the data, with the keys beside it."""
        with self._step():
            self._copied = self._bench.run(self._copy())

    async def _copy(self) -> Copied:
        await copy(self._bench.watcher)
        return Copied(
            set(self._settled),
            self._bench.key_files.list_fingerprints(),
            [(Counter(process.published), list(process.told)) for process in self._processes],
        )

    @precondition(lambda self: self._copied is not None)
    @rule()
    def put_back(self) -> None:
        """Put the copy back while no process runs."""
        with self._step():
            self._bench.run(self._put_back())

    async def _put_back(self) -> None:
        assert self._copied is not None
        for process in self._processes:
            await process.end()
        await put_back(self._bench.watcher)
        files = self._bench.key_files
        for fingerprint in set(self._copied.keys) - set(files.list_fingerprints()):
            files.write(files.remembered[fingerprint])
        for process, (published, told) in zip(self._processes, self._copied.clients, strict=True):
            process.published, process.told = Counter(published), list(told)
        self._settled = set(self._copied.settled)
        ledger = await read_ledger(self._bench.watcher, files)
        known = {row.reference for row in ledger.invoices} | self._settled
        self._unclaimed |= {booked.reference for booked in self._books()} - known
        # A node's stream begins with the next payment where the copy is from before the first one (docs/operating.md).
        begun = {row["account"] for row in await self._bench.watcher.fetch("SELECT account FROM settlement_cursors")}
        self._untold |= {
            one.reference for node in self._nodes if node.account not in begun for one in node.books.values()
        }
        self._has_died = True
        for process in self._processes:
            await process.start()

    def _books(self) -> list[Booked]:
        return [booked for node in self._nodes for booked in node.books.values()]

    @rule(number=processes, tier=st.integers(1, 2))
    def send_what_is_not_signed(self, number: int, tier: int) -> None:
        with self._step():
            for event in (FORGED, ALTERED):
                result = self._bench.run(self._processes[number].send(event, TIERS[tier]))
                assert not isinstance(result, PaymentRequired)
                # Of a note that is here, nothing else is looked at.
                assert result is SaveResult.DUPLICATE or (
                    isinstance(result, Rejected) and result.prefix is Prefix.INVALID
                )
            after = self._bench.run(read_ledger(self._bench.watcher, self._bench.key_files))
            assert after.invoices == self._ledger.invoices

    @invariant()
    def check(self) -> None:
        """Hold what must be true at any moment."""
        if not self._is_sound:
            return
        ledger = self._ledger = self._bench.run(read_ledger(self._bench.watcher, self._bench.key_files))
        self._settled |= ledger.settled
        check_money(ledger, self._books(), self._settled, self._unclaimed)
        check_publication(ledger)
        check_caps(ledger, POLICY)
        assert {row.note_id for row in ledger.invoices} <= set(IDS)
        published = sum((process.published for process in self._processes), Counter[tuple[bytes, int]]())
        # A client that listened to a process that died hears it from another, which reads the feed.
        assert published <= Counter(ledger.news) if self._has_died else published == Counter(ledger.news)
        check_told(
            ledger,
            (told for process in self._processes for told in process.told),
            RIVALS,
            dict(zip(IDS, (bytes.fromhex(request.id) for request in DELETIONS), strict=True)),
        )

    def teardown(self) -> None:
        if hasattr(self, "_processes"):
            try:
                if self._is_sound:
                    self._end_well()
            finally:
                for process in self._processes:
                    self._bench.run(process.end())

    def _end_well(self) -> None:
        """With a node that answers and time, every payment is found, every note published, and nothing is left to tell by."""
        for node in self._nodes:
            node.faults.clear()
            node.meanwhile.clear()
        for process in self._processes:
            process.skew_s = 0
        self.change_node((0, 1), 1, True)
        self._bench.run(self._do(0, ("follow", 0, 0)))
        self.change_node((0, 1), 0, True)
        for seconds in (0, 5_000, 100_000, 100_000):
            self._now += seconds
            for name in ("follow", "look_up", "look_up", "publish", "clean"):
                self._bench.run(self._do(0, (name, 0, 0)))
            self.check()
        paid = {booked.reference for booked in self._books() if booked.index}
        assert paid - self._unclaimed <= self._settled
        self._bench.run(self._claim_lost())
        assert self._ledger.invoices == []
        assert self._ledger.unpaid == set()
        assert self._ledger.held == {}
        # One for the next batch, and one for new orders.
        named = self._bench.run(self._bench.watcher.fetch("SELECT fingerprint FROM sealing_keys ORDER BY 1"))
        assert sorted(self._bench.key_files.list_fingerprints()) == [row["fingerprint"] for row in named]
        assert len(named) == 2

    async def _claim_lost(self) -> None:
        """Expect that what no row knows was counted, and that it can be claimed, once."""
        lost = find_lost(self._ledger, self._books(), self._settled)
        counted = sum(process.observer.unmatched for process in self._processes)
        assert counted >= sum(booked.reference not in self._untold for booked in lost)
        assert counted == 0 or self._unclaimed
        for booked in lost:
            claimed = [
                await payment_books.claim(self._bench.watcher, booked.payment_hash, booked.received_msat, IDS[0])
                for _ in range(2)
            ]
            assert claimed == [None, ClaimFault.SPENT]
            self._settled.add(booked.reference)
        ledger = await read_ledger(self._bench.watcher, self._bench.key_files)
        check_money(ledger, self._books(), self._settled, set())
        for booked in self._books():
            if booked.index:
                assert await payment_books.find_claim_fault(self._bench.watcher, booked.payment_hash)

    @contextmanager
    def _step(self) -> Iterator[None]:
        self._is_sound = False
        yield
        self._is_sound = True

    async def _do(self, number: int, action: Action) -> Any:
        name, note, tier = action
        process = self._processes[number]
        works: dict[str, Callable[[], Awaitable[Any]]] = {
            "send": partial(process.send, NOTES[note], TIERS[tier]),
            "delete": partial(process.send, DELETIONS[note], TIERS[0]),
            "follow": process.follow,
            "look_up": process.look_up,
            "clean": process.payments.collector.delete_forgotten,
            "publish": process.publish_batch,
            "expire": process.expire,
        }
        try:
            result = await process.live(works[name]())
        except BackendError:
            return None
        if isinstance(result, PaymentRequired):
            payment_hash = bytes.fromhex(result.offer.bolt11[-64:])
            [booked] = [booked for booked in self._books() if booked.payment_hash == payment_hash]
            # Nobody is shown an invoice that the process could not see paid.
            assert payment_hash in self._processes[number].node.books
            # What came before is not asked again.
            assert booked.amount_msat == result.offer.amount_sat * MSAT_PER_SAT
            assert TIERS[tier].price_msat == result.price_msat == result.offer.purpose.price_sat * MSAT_PER_SAT
            if payment_hash in self._shown:
                self._shown.remove(payment_hash)
            self._shown.append(payment_hash)
        return result

    async def _try(self, note: int, tier: int) -> Result:
        """Return what would become of a note that is paid for now."""
        transaction = self._bench.watcher.transaction()
        await transaction.start()
        try:
            terms = PaymentTerms(POLICY, self._processes[0].publish_every_s)
            due = terms.to_due(to_ring_note(NOTES[note]), TIERS[tier].price_msat)
            result = (await insert_batch(self._bench.watcher, [due], make_waiting(self._bench.key_files))).saved[0]
            assert result is not None
            return result
        finally:
            await transaction.rollback()

    async def _do_both(self, one: Awaitable[Any], other: Awaitable[Any]) -> None:
        await asyncio.gather(one, other)

    async def _start_again(self, number: int) -> None:
        self._has_died = True
        await self._processes[number].end()
        await self._processes[number].start()


@pytest.fixture
def bench(postgres_server18: PostgresServer) -> Iterator[Bench]:
    with opened_bench(postgres_server18) as opened:
        yield opened


@pytest.mark.timeout(900)
def test_no_payment_is_lost_and_none_buys_twice(bench: Bench) -> None:
    class OnThisBench(PaymentsMachine):
        def __init__(self) -> None:
            super().__init__(bench)

    run_state_machine_as_test(
        OnThisBench,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_a_payment_between_the_look_up_and_the_cancelling_of_an_expired_invoice_buys_its_note(bench: Bench) -> None:
    machine = PaymentsMachine(bench)
    machine.begin(publish_every_s=0.0, cancels=True, takes_late=True, skew_s=0, seed=0)
    machine.act(0, ("send", 0, 1))
    machine.wait(901 + POLICY.grace_s)
    machine.pay_meanwhile("lookup", True, 0)
    machine.act(0, ("look_up", 0, 0))
    machine.check()
    assert machine._ledger.notes == {IDS[0]: TIERS[1].price_msat}
    assert machine._ledger.unapplied == []
    machine.teardown()


@pytest.mark.parametrize("publish_every_s", [0.0, 600.0])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rivals", [(2, 3), (8, 9)], ids=["answers of one ring member", "two rings at one address"])
def test_of_two_paid_notes_of_which_one_can_be_there_the_second_is_refused(
    bench: Bench, rivals: tuple[int, int], seed: int, publish_every_s: float
) -> None:
    machine = PaymentsMachine(bench)
    machine.begin(publish_every_s=publish_every_s, cancels=True, takes_late=True, skew_s=0, seed=seed)
    for note in rivals:
        machine.act(0, ("send", note, 1))
        machine.pay(0, "exact")
    machine.act(0, ("look_up", 0, 0))
    machine.check()
    first, second = machine._processes[0].told
    assert {first[0], second[0]} == {IDS[note] for note in rivals}
    assert first[2] is (SaveResult.HELD if publish_every_s else SaveResult.STORED)
    # What waits is refused with the batch: nobody hears before that the other one waits.
    assert second[2] is (SaveResult.HELD if publish_every_s else RIVALS[second[0]][0])
    machine.act(0, ("publish", 0, 0))
    machine.check()
    assert [amount_msat for _, amount_msat in machine._ledger.unapplied] == [TIERS[1].price_msat]
    machine.teardown()


def test_what_a_restore_has_lost_is_counted_and_can_be_claimed_once(bench: Bench) -> None:
    machine = PaymentsMachine(bench)
    machine.begin(publish_every_s=0.0, cancels=True, takes_late=True, skew_s=0, seed=0)
    machine.act(0, ("send", 1, 1))
    machine.copy()
    machine.pay(0, "exact")
    machine.act(0, ("send", 0, 1))
    machine.pay(0, "exact")
    machine.act(0, ("follow", 0, 0))
    machine.check()
    machine.put_back()
    machine.check()
    assert machine._ledger.notes == {}
    machine.act(0, ("follow", 0, 0))
    machine.check()
    # The one that the copy knows is found again, the other is counted.
    assert machine._ledger.notes == {IDS[1]: TIERS[1].price_msat}
    assert machine._processes[0].observer.unmatched == 1
    # Which claims it.
    machine.teardown()


def test_invoices_of_the_node_of_before_wait_until_it_is_named_again(bench: Bench) -> None:
    machine = PaymentsMachine(bench)
    machine.begin(publish_every_s=0.0, cancels=False, takes_late=True, skew_s=0, seed=0)
    machine.act(0, ("send", 0, 1))
    machine.change_node((0, 1), 1, False)
    machine.pay(0, "exact")
    for seconds in (901, 5_000, 100_000, 100_000):
        machine.wait(seconds)
        for name in ("follow", "look_up", "clean"):
            machine.act(0, (name, 0, 0))
        machine.check()
    assert [row.state for row in machine._ledger.invoices] == ["open"]
    machine.change_node((0,), 1, True)
    machine.act(0, ("look_up", 0, 0))
    machine.check()
    assert machine._ledger.notes == {IDS[0]: TIERS[1].price_msat}
    machine.teardown()
