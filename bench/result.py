"""What a run of all figures gives, as it is written to a file: no figure without the machine, the commit and S."""

from pathlib import Path

import msgspec

from bench.figure import Figure, Spread


class Result(msgspec.Struct, frozen=True):
    """A run: where, of which commit, S (Schnorr verifications a second on one core), which corpus, the figures, and what failed."""

    machine: dict[str, str]
    commit: str
    schnorr_per_s: Spread
    corpus_seed: int
    corpus_sha256: str
    seconds: float
    figures: list[Figure]
    failures: list[str] = []


def write_result(result: Result, file: Path) -> None:
    """Write a run as JSON."""
    file.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")


def read_result(file: Path) -> Result:
    """Read a run."""
    return msgspec.json.decode(file.read_bytes(), type=Result)
