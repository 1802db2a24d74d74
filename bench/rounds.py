"""Rounds of figures over some relays, each in turn, and the ratios that make rates of one machine comparable with another's."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import uvloop

from bench.client import LoadError
from bench.figure import Figure, Measures, to_figure
from bench.figures import CORES, Rate, Subject
from bench.schnorr_rate import measure_schnorr_per_s

PROTOTYPE = "prototype"
_BEGUN_S = time.monotonic()


@dataclass
class Round:
    """S in that round, what each figure gave on each relay, and what could not be measured."""

    schnorr_per_s: float
    measures: dict[tuple[str, str], Measures] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def say(text: str) -> None:
    """Tell a person that the program lives, and how far it is."""
    print(f"{time.monotonic() - _BEGUN_S:6.0f} s  {text}", file=sys.stderr, flush=True)


def run_rounds(rates: Sequence[Rate], subjects: Sequence[Subject], count: int) -> list[Round]:
    """Measure each figure on each relay, in so many rounds; every other one takes the relays the other way round."""
    rounds = []
    for number in range(count):
        round_ = Round(measure_schnorr_per_s())
        for rate in rates:
            for subject in subjects if number % 2 == 0 else reversed(subjects):
                _measure(rate, subject, number, round_)
        rounds.append(round_)
    return rounds


def _measure(rate: Rate, subject: Subject, number: int, round_: Round) -> None:
    """Measure a figure once. What could not be measured is told, and the others are measured all the same."""
    name = f"round {number + 1}: {rate.name} on {subject.name}"
    try:
        measures: Measures = uvloop.run(rate.measure(subject, number))
    except (LoadError, TimeoutError) as error:
        round_.failures.append(f"{name}: {error or 'it took too long'}")
        say(f"FAILED {round_.failures[-1]}")
        return
    if measures:
        round_.measures[rate.name, subject.name] = measures
        say(f"{name}: {_describe(measures)}")


def _describe(measures: Measures) -> str:
    return ", ".join(f"{name} {value:,.4g}" for name, value in measures.items())


def to_figures(rounds: Sequence[Round], growth: tuple[str, str] | None = None) -> list[Figure]:
    """Return the figures of some rounds, with ratios of each round: to S, to the prototype, and of a large store to a small one."""
    named = dict.fromkeys(key for round_ in rounds for key in round_.measures)
    return [
        to_figure(name, subject, [_add_ratios(round_, name, subject, growth) for round_ in rounds])
        for name, subject in named
    ]


def _add_ratios(round_: Round, name: str, subject: str, growth: tuple[str, str] | None) -> Measures:
    measures = dict(round_.measures[name, subject])
    if "per_s" in measures:
        measures["of_s"] = measures["per_s"] / round_.schnorr_per_s
    if "checks_per_s" in measures:
        measures["of_limit"] = measures.pop("checks_per_s") / (CORES * round_.schnorr_per_s)
    prototype = round_.measures.get((name, PROTOTYPE))
    if prototype is not None and subject != PROTOTYPE:
        measures |= _compare(measures, prototype)
    small = round_.measures.get((name, growth[0])) if growth is not None and subject == growth[1] else None
    if small is not None:
        measures["growth"] = small["per_s"] / measures["per_s"]
        if "postgres_us" in measures and "postgres_us" in small:
            measures["cpu_growth"] = _sum_us(measures) / _sum_us(small)
    return measures


def _compare(measures: Measures, prototype: Measures) -> Measures:
    """Return the ratios to the prototype: of what is done in a second, and of how long a client waits."""
    ratios = {"of_prototype": "per_s", "p50_of_prototype": "p50_ms"}
    return {name: measures[key] / prototype[key] for name, key in ratios.items() if key in prototype}


def _sum_us(measures: Measures) -> float:
    return measures["relay_us"] + measures["postgres_us"]
