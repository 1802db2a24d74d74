"""Times as pages write them: in UTC, as their authors say them. Knows no clock."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What ISO 8601 and RFC 3339 can say ends with the year 9999. A created_at can be later (NIP-01).
_LAST_S = 253_402_300_799


class Moment(NamedTuple):
    """A time in the form of machines (RFC 3339), and in that of people."""

    iso: str
    text: str


def describe_moment(unix_s: int) -> Moment:
    """Return a time in Unix seconds, 0 or later. One after the year 9999 is shown as its end."""
    moment = _EPOCH + timedelta(seconds=min(unix_s, _LAST_S))
    return Moment(f"{moment:%Y-%m-%dT%H:%M:%SZ}", f"{moment:%Y-%m-%d %H:%M} UTC")
