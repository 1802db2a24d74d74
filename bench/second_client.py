"""The figures of a second client: its p99 on a quiet relay and under each load of others, and how many times quiet that is."""

from collections.abc import Sequence
from pathlib import Path

import uvloop

from bench.client import LoadError
from bench.corpus import Corpus, Part
from bench.figure import Measures
from bench.figures import Subject
from bench.held import make_held_settings
from bench.neighbour import Felt
from bench.others import PERIOD_S, Others, list_parts_of_others
from bench.plan import Plan
from bench.rounds import Round, say
from bench.schnorr_rate import measure_schnorr_per_s
from bench.subjects import name_store, relay_on_store

PREFIX = "neighbour_"
_BATCH = "batch"
_LOADS = ("ingest", "ring1000", "fanout5000", "large_page", "reindex")
_MAX_ROUNDS = 3


def list_parts_for_second_client(plan: Plan) -> list[Part]:
    """Return what is posted while the second client is watched."""
    is_wanted = any(plan.wants(PREFIX + name) for name in (*_LOADS, _BATCH))
    return list_parts_of_others(min(plan.rounds, _MAX_ROUNDS), plan.shrink) if is_wanted else []


def measure_second_client(plan: Plan, corpus: Corpus, cache: Path) -> list[Round]:
    """Return rounds of what a second client feels under each load, on the largest store."""
    rounds = [Round(measure_schnorr_per_s()) for _ in range(min(plan.rounds, _MAX_ROUNDS))]
    wanted = [name for name in _LOADS if plan.wants(PREFIX + name)]
    if wanted:
        with relay_on_store(plan.stores[-1], cache) as relay:
            others = Others(relay, _describe(plan, relay.url, corpus), plan.shrink)
            if "large_page" in wanted:
                uvloop.run(others.store_large_notes())
            for round_ in rounds:
                _measure_round(round_, others, wanted)
    if plan.wants(PREFIX + _BATCH):
        with relay_on_store(plan.stores[-1], cache, make_held_settings(PERIOD_S)) as relay:
            others = Others(relay, _describe(plan, relay.url, corpus), plan.shrink)
            for round_ in rounds:
                uvloop.run(others.hold())
                quiet = uvloop.run(others.quiet())
                _add(round_, others, _BATCH, uvloop.run(others.batch()), quiet)
    return rounds


def _describe(plan: Plan, url: str, corpus: Corpus) -> Subject:
    return Subject(name_store(plan.stores[-1]), url, corpus=corpus)


def _measure_round(round_: Round, others: Others, wanted: Sequence[str]) -> None:
    quiet = uvloop.run(others.quiet())
    _add(round_, others, "quiet", quiet, quiet)
    for name in wanted:
        try:
            felt: Felt = uvloop.run(getattr(others, name)())
        except (LoadError, TimeoutError) as error:
            round_.failures.append(f"{PREFIX}{name}: {error or 'it took too long'}")
            say(f"FAILED {round_.failures[-1]}")
        else:
            _add(round_, others, name, felt, quiet)


def _add(round_: Round, others: Others, name: str, felt: Felt, quiet: Felt) -> None:
    """Add what was felt to a round, and how many times what is felt on a quiet relay that is."""
    measures = compare(felt.describe(), quiet.describe())
    round_.measures[PREFIX + name, others.subject.name] = measures
    say(f"{PREFIX}{name}: EVENT p99 {measures['event_p99_ms']:.1f} ms, REQ p99 {measures['req_p99_ms']:.1f} ms")


def compare(felt: Measures, quiet: Measures) -> Measures:
    """Return what was felt, with its p99 as multiples of a quiet relay's."""
    return {
        **felt,
        "event_times_quiet": felt["event_p99_ms"] / quiet["event_p99_ms"],
        "req_times_quiet": felt["req_p99_ms"] / quiet["req_p99_ms"],
    }
