"""`python -m bench.report FILE`: write the figures of a run into docs/performance.md, between its two markers."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from bench.figure import Figure, Spread
from bench.goals import GOALS, Goal
from bench.relay_process import CHECKOUT
from bench.result import Result, read_result

DOCUMENT = CHECKOUT / "docs" / "performance.md"
BEGIN = "<!-- figures: written by python -m bench.report -->"
END = "<!-- figures end -->"
# Measures that stand in a column of their own.
_COLUMNS = ("per_s", "relay_us", "postgres_us", "of_s")
# What the others are called, with how many digits after the point.
_OTHERS = {
    "of_prototype": ("{} of the prototype", 2),
    "of_limit": ("{} of the limit", 2),
    "growth": ("growth {}", 2),
    "cpu_growth": ("of processor time {}", 2),
    "p50_ms": ("p50 {} ms", 1),
    "p99_ms": ("p99 {} ms", 1),
    "p50_of_prototype": ("p50 {} of the prototype", 2),
    "failed": ("{} of them given up by the relay", 0),
    "kib": ("{} KiB each", 1),
    "batch_per_s": ("batch: {} a second", 0),
    "batch_relay_us": ("{} us of the relay", 0),
    "batch_postgres_us": ("{} us of Postgres", 0),
    "answers_s": ("{} s", 2),
    "postgres_processes": ("{} Postgres processes", 0),
    "relay_percent": ("relay {} %", 2),
    "postgres_percent": ("Postgres {} %", 2),
    "event_p99_ms": ("EVENT p99 {} ms", 1),
    "event_times_quiet": ("EVENT {} times quiet", 1),
    "req_p99_ms": ("REQ p99 {} ms", 1),
    "req_times_quiet": ("REQ {} times quiet", 1),
}
# These say nothing beside the others.
_LEFT_OUT = ("notes", "ready_s", "event_p50_ms", "req_p50_ms")


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.report", description=__doc__)
    parser.add_argument("file", type=Path, help="what make bench BENCH='--json FILE' wrote")
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(replace_figures(text, to_markdown(read_result(parser.parse_args().file))), encoding="utf-8")


def replace_figures(document: str, figures: str) -> str:
    """Return a document with other figures between its markers. Raises ValueError where it has not both, once each."""
    if document.count(BEGIN) != 1 or document.count(END) != 1:
        raise ValueError(f"the document must have {BEGIN} and {END} once each")
    head, _, rest = document.partition(BEGIN)
    return f"{head}{BEGIN}\n\n{figures}\n\n{END}{rest.partition(END)[2]}"


def to_markdown(result: Result) -> str:
    """Return a run as a table, with what it was measured on before it."""
    machine = ", ".join(f"{name} {value}" for name, value in result.machine.items())
    schnorr = result.schnorr_per_s
    lines = [
        f"Commit `{result.commit}`; {machine}. S = {format_spread(schnorr, 0)} Schnorr verifications a second on one core. Corpus "
        f"of seed {result.corpus_seed}, SHA-256 `{result.corpus_sha256}`. The run took {result.seconds / 60:.0f} minutes.",
        "",
        "| what | on | a second | us of relay / Postgres | of S | besides | goal |",
        "|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *map(_to_row, result.figures)])


def _to_row(figure: Figure) -> str:
    goal = GOALS.get(figure.name, Goal(figure.name))
    measures = figure.measures
    rate = format_spread(measures["per_s"], 0) if "per_s" in measures else ""
    cost = " / ".join(_format(measures[name].median, 1) for name in ("relay_us", "postgres_us") if name in measures)
    of_s = _format_share(measures["of_s"].median) if "of_s" in measures else ""
    wanted = "" if figure.subject == "prototype" else goal.goal
    return f"| {' | '.join((goal.words, figure.subject, rate, cost, of_s, _list_others(measures), wanted))} |"


def _list_others(measures: Mapping[str, Spread]) -> str:
    parts = []
    for name, spread in measures.items():
        if name in _COLUMNS or name in _LEFT_OUT:
            continue
        words, digits = _OTHERS.get(name, (f"{_name_memory(name)} {{}}", 1))
        parts.append(words.format(format_spread(spread, digits)))
    return ", ".join(parts)


def _name_memory(measure: str) -> str:
    """Return what has so much memory, as `Postgres checkpointer`."""
    return measure.removesuffix("_mib").replace("_", " ").replace("postgres", "Postgres")


def _format_share(share: float) -> str:
    return f"{share:.3f}" if share >= 0.01 else f"{share:.1g}"


def format_spread(spread: Spread, digits: int) -> str:
    """Return a median, with the lowest and the highest in brackets where they differ from it in what is shown."""
    low, median, high = (_format(value, digits) for value in (spread.low, spread.median, spread.high))
    return median if low == high else f"{median} ({low} to {high})"


def _format(value: float, digits: int) -> str:
    # Of large numbers nobody reads what is behind the point.
    return f"{value:,.{digits if abs(value) < 1_000 else 0}f}"


if __name__ == "__main__":
    main()
