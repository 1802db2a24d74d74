"""Times in bytes, as Postgres and C programs write them, and the times of files."""

from collections.abc import Iterator, Mapping

from tests.support.forensics.disk import FileTimes

# Postgres counts microseconds from 2000-01-01.
_POSTGRES_EPOCH_S = 946_684_800


def find_times(data: bytes, first: float, last: float) -> list[float]:
    """Return all times (Unix seconds) between two that stand in bytes, at any offset, as Postgres' timestamps or as seconds."""
    return [*_find(data, first, last, _POSTGRES_EPOCH_S, 1_000_000), *_find(data, first, last, 0, 1)]


def _find(data: bytes, first: float, last: float, epoch_s: int, per_s: int) -> Iterator[float]:
    low, high = (int((time_s - epoch_s) * per_s) for time_s in (first, last))
    # Most of its bytes are the same for all times between the two.
    same = 4 if per_s > 1 else 2
    for upper in range(low >> 8 * same, (high >> 8 * same) + 1):
        pattern = upper.to_bytes(8 - same, "little")
        place = data.find(pattern)
        while place >= 0:
            if place >= same:
                value = int.from_bytes(data[place - same : place + 8 - same], "little")
                if low <= value <= high:
                    yield value / per_s + epoch_s
            place = data.find(pattern, place + 1)


def list_written_between(times: Mapping[str, FileTimes], first: float, last: float) -> list[str]:
    """Return the files of which a time lies between two."""
    return [name for name, of in times.items() if any(first <= at <= last for at in (of.modified, of.changed))]
