"""A poll (NIP-88) and its tally by ring: of each member of a ring one answer counts. Knows no HTML and no database."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from relay.pages.moments import Moment, describe_moment
from relay.pages.words import summarise
from relay.protocol.event import MAX_TIMESTAMP, Event, find_tag
from relay.storage.page_reader import MAX_TALLIED, Response

POLL = 1068
MAX_OPTIONS = 100
_MAX_LABEL_CHARS = 200
# Of all tables together. Anybody can respond by 2,000 rings of their own keys, and each row takes 13 us to write.
_MAX_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Poll:
    """A poll's options, labels by id, whether several may be chosen, and when it ends by its author's word, if ever."""

    options: dict[str, str]
    is_multiple: bool
    ends_at: int | None

    @property
    def end(self) -> Moment | None:
        """Return when it ends."""
        return None if self.ends_at is None else describe_moment(self.ends_at)


@dataclass(frozen=True, slots=True)
class OptionCount:
    """How many members of one ring chose an option."""

    label: str
    members: int


@dataclass(frozen=True, slots=True)
class RingTally:
    """What the members of one ring responded. The ring's id is in hex; `others` chose nothing that the poll offers."""

    ring_id: str
    members: int
    options: list[OptionCount]
    others: int


@dataclass(frozen=True, slots=True)
class Tally:
    """The tally of each ring, the largest number of responses first, and how many responses are dated after the end.

    `unlisted` rings, which have no more responses each, are left out.
    """

    rings: list[RingTally]
    late: int
    unlisted: int


def read_poll(event: Event) -> Poll | None:
    """Return a poll's options, None for an event that is no poll. Of several options with one id the first counts."""
    if event.kind != POLL:
        return None
    options: dict[str, str] = {}
    for tag in event.tags:
        if tag[0] == "option" and len(tag) > 1 and len(options) < MAX_OPTIONS:
            options.setdefault(tag[1], summarise(tag[2] if len(tag) > 2 else tag[1], _MAX_LABEL_CHARS))
    end = find_tag(event, "endsAt") or ""
    has_end = end.isascii() and end.isdigit() and len(end) < len(str(MAX_TIMESTAMP))
    return Poll(options, find_tag(event, "polltype") == "multiplechoice", int(end) if has_end else None)


def tally_responses(poll: Poll, responses: Sequence[Response]) -> Tally | None:
    """Return the tally, None for more responses than are counted here."""
    if len(responses) > MAX_TALLIED:
        return None
    in_time = [one for one in responses if poll.ends_at is None or one.created_at <= poll.ends_at]
    rings: dict[bytes, list[Response]] = {}
    for response in in_time:
        rings.setdefault(response.ring_id, []).append(response)
    largest = sorted(rings.items(), key=lambda ring: (-len(ring[1]), ring[0]))
    listed = largest[: max(1, _MAX_ROWS // (len(poll.options) + 1))]
    tallies = [_tally_ring(poll, ring_id, given) for ring_id, given in listed]
    return Tally(tallies, len(responses) - len(in_time), len(largest) - len(listed))


def _tally_ring(poll: Poll, ring_id: bytes, responses: Sequence[Response]) -> RingTally:
    chosen = [_find_choices(poll, response) for response in responses]
    options = [OptionCount(label, sum(id_ in choices for choices in chosen)) for id_, label in poll.options.items()]
    return RingTally(ring_id.hex(), len(responses), options, sum(not choices for choices in chosen))


def _find_choices(poll: Poll, response: Response) -> set[str]:
    """Return the options that a response chooses. NIP-88: where one may be chosen, the first counts."""
    options: Iterable[str] = response.options if poll.is_multiple else response.options[:1]
    return {option for option in options if option in poll.options}
