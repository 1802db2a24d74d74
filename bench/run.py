"""A run: which relays are up for which figures, one group after another, and the result of all."""

import time
from collections.abc import Sequence
from pathlib import Path

from bench.corpus import Corpus, load_corpus
from bench.figure import Figure, spread
from bench.figures import Rate
from bench.machine import describe_machine, find_commit
from bench.plan import SEED, Plan, list_parts
from bench.result import Result
from bench.rounds import Round, run_rounds, say, to_figures
from bench.schnorr_rate import measure_schnorr_per_s
from bench.subjects import name_store, subjects_on_stores


class _Run:
    """What a run has gathered so far."""

    def __init__(self, plan: Plan, corpus: Corpus, cache: Path) -> None:
        self.plan = plan
        self.corpus = corpus
        self.cache = cache
        self.figures: list[Figure] = []
        self.schnorr_per_s = [measure_schnorr_per_s()]

    def add_rounds(self, rounds: Sequence[Round], growth: tuple[str, str] | None = None) -> None:
        self.figures += to_figures(rounds, growth)
        self.schnorr_per_s += [round_.schnorr_per_s for round_ in rounds]

    def measure_rates(self, rates: Sequence[Rate], stores: Sequence[int], *, with_prototype: bool = True) -> None:
        """Measure figures on relays with stores, and on the prototype where it has them."""
        if not rates:
            return
        growth = (name_store(stores[0]), name_store(stores[-1])) if len(stores) > 1 else None
        with subjects_on_stores(stores, self.cache, self.corpus, with_prototype=with_prototype) as subjects:
            self.add_rounds(run_rounds(rates, subjects, self.plan.rounds), growth)


def run_all(plan: Plan, cache: Path) -> Result:
    """Measure everything that the plan wants."""
    started_s = time.monotonic()
    groups = [plan.list_store_rates(), plan.list_ring_rates(), plan.list_live_rates()]
    say("making the notes that are sent (the first time, about a minute)")
    run = _Run(plan, load_corpus(list_parts(groups, plan.rounds), SEED, cache), cache)
    run.measure_rates(groups[0], plan.stores)
    run.measure_rates(groups[1], plan.stores[:1], with_prototype=False)
    run.measure_rates(groups[2], plan.stores[:1])
    return _finish(run, started_s)


def _finish(run: _Run, started_s: float) -> Result:
    return Result(
        machine=describe_machine(),
        commit=find_commit(),
        schnorr_per_s=spread(run.schnorr_per_s),
        corpus_seed=run.corpus.seed,
        corpus_sha256=run.corpus.fingerprint,
        seconds=round(time.monotonic() - started_s, 1),
        figures=run.figures,
    )
