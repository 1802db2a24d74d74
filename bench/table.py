"""A run as a table of text. Knows figures, and nothing of how they were measured."""

from bench.figure import Figure, Spread
from bench.result import Result

# The columns, and how many digits each has after the point.
_COLUMNS = {
    "per_s": ("a second", 0),
    "relay_us": ("relay us", 1),
    "postgres_us": ("Postgres us", 1),
    "of_s": ("of S", 3),
    "of_prototype": ("of prototype", 2),
    "of_limit": ("of limit", 2),
    "p50_ms": ("p50 ms", 2),
    "p99_ms": ("p99 ms", 2),
    "growth": ("growth", 2),
    "cpu_growth": ("CPU growth", 2),
}


def to_table(result: Result) -> str:
    """Return all figures, a line each, with the median, and in brackets the lowest and highest rate."""
    lines = [
        f"{', '.join(f'{name} {value}' for name, value in result.machine.items())}",
        f"commit {result.commit}, S {result.schnorr_per_s.median:,.0f} Schnorr verifications a second on one core",
        f"corpus of seed {result.corpus_seed}, SHA-256 {result.corpus_sha256}",
    ]
    failures = [f"FAILED {failure}" for failure in result.failures]
    return "\n".join([*lines, *map(describe_figure, result.figures), *failures])


def describe_figure(figure: Figure) -> str:
    """Return a figure as a line."""
    parts = [describe_measure(name, spread) for name, spread in figure.measures.items()]
    return f"{figure.name:14} on {figure.subject:16} {'; '.join(parts)}"


def describe_measure(name: str, spread: Spread) -> str:
    """Return a measure's median with its unit, and the range where there is one."""
    title, digits = _COLUMNS.get(name, (name, 2))
    text = f"{spread.median:,.{digits}f} {title}"
    return text if spread.low == spread.high else f"{text} ({spread.low:,.{digits}f} to {spread.high:,.{digits}f})"
