"""A run: which relays are up for which figures, one group after another, and the result of all."""

import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

from bench.at_rest import measure_at_rest
from bench.corpus import Corpus, Part, load_corpus
from bench.figure import Figure, spread
from bench.figures import Rate, Subject
from bench.held import PERIOD_S, make_held_settings
from bench.machine import describe_machine, find_commit
from bench.plan import SEED, Plan, list_parts
from bench.priced import measure_priced
from bench.relay_process import run_relay
from bench.result import Result
from bench.rounds import Round, run_rounds, say, to_figures
from bench.schnorr_rate import measure_schnorr_per_s
from bench.second_client import list_parts_for_second_client, measure_second_client
from bench.subjects import name_store, subjects_on_stores

EMPTY = "empty store"
_PRICED = 240


class Run:
    """What a run has gathered so far."""

    def __init__(self, plan: Plan, cache: Path, groups: Sequence[Sequence[Rate]], more: Sequence[Part] = ()) -> None:
        self.plan = plan
        self.cache = cache
        self.figures: list[Figure] = []
        self.failures: list[str] = []
        self._started_s = time.monotonic()
        # Now: what is written meanwhile is not measured.
        self._commit = find_commit()
        say("making the notes that are sent (the first time, about a minute)")
        self.corpus: Corpus = load_corpus(list_parts(groups, plan.rounds, more), SEED, cache)
        self._schnorr_per_s = [measure_schnorr_per_s()]

    def add_rounds(self, rounds: Sequence[Round], growth: tuple[str, str] | None = None) -> None:
        """Add what some rounds gave."""
        self.figures += to_figures(rounds, growth)
        self.failures += [failure for round_ in rounds for failure in round_.failures]
        self._schnorr_per_s += [round_.schnorr_per_s for round_ in rounds]

    def measure_rates(
        self, rates: Sequence[Rate], stores: Sequence[int], *, with_prototype: bool = True, with_window: bool = True
    ) -> None:
        """Measure figures on relays with stores, and on the prototype where it has them."""
        if not rates:
            return
        small, large = (name_store(count, with_window=with_window) for count in (stores[0], stores[-1]))
        with subjects_on_stores(
            stores, self.cache, self.corpus, with_prototype=with_prototype, with_window=with_window
        ) as subjects:
            rounds = run_rounds(rates, subjects, self.plan.rounds)
            self.add_rounds(rounds, (small, large) if len(stores) > 1 else None)

    def measure_held(self, rates: Sequence[Rate]) -> None:
        """Measure what waits for a batch."""
        if rates:
            say("starting a relay that publishes in batches")
            with run_relay(make_held_settings(PERIOD_S)) as relay:
                subject = Subject(EMPTY, relay.url, self.corpus, relay.processes)
                self.add_rounds(run_rounds(rates, [subject], self.plan.rounds))

    def measure_connections(self, rates: Sequence[Rate]) -> None:
        """Measure connections on relays that never had any: memory that was used once is not given back."""
        rounds: list[Round] = []
        for _ in range(self.plan.rounds if rates else 0):
            with run_relay() as relay:
                rounds += run_rounds(rates, [Subject(EMPTY, relay.url, self.corpus, relay.processes)], 1)
        self.add_rounds(rounds)

    def finish(self) -> Result:
        """Return all figures, with what they were measured on."""
        return Result(
            machine=describe_machine(),
            commit=self._commit,
            schnorr_per_s=spread(self._schnorr_per_s),
            corpus_seed=self.corpus.seed,
            corpus_sha256=self.corpus.fingerprint,
            seconds=round(time.monotonic() - self._started_s, 1),
            figures=self.figures,
            failures=self.failures,
        )


def run_all(plan: Plan, cache: Path) -> Result:
    """Measure everything that the plan wants."""
    stored, rings, live, held = (
        plan.list_store_rates(),
        plan.list_ring_rates(),
        plan.list_live_rates(),
        plan.list_held_rates(),
    )
    priced = [Part("plain", _PRICED // plan.shrink * plan.rounds)] if plan.wants("priced") else []
    run = Run(plan, cache, [stored, rings, live, held], [*priced, *list_parts_for_second_client(plan)])
    run.measure_rates(stored, plan.stores)
    run.measure_rates(plan.list_query_rates(), plan.stores, with_prototype=False, with_window=False)
    run.measure_rates(rings, plan.stores[:1], with_prototype=False)
    run.measure_rates(live, plan.stores[:1])
    run.measure_held(held)
    run.measure_connections(plan.list_connection_rates())
    if priced:
        run.add_rounds(uvloop.run(measure_priced(run.corpus.notes["plain"][: priced[0].count], plan.rounds)))
    if any(map(plan.wants, ("start", "idle", "memory"))):
        run.figures += measure_at_rest(plan.stores[-1], plan.rounds, 30.0 / plan.shrink, cache)
    run.add_rounds(measure_second_client(plan, run.corpus, cache))
    return run.finish()
