"""How many rows a note costs in the tables that are indexes, and what its author must do for many. Knows no table."""

from collections.abc import Set as AbstractSet

from relay.limits import Limits
from relay.protocol.event import DELETION_REQUEST, Event
from relay.verify.claim import Claim


def count_index_rows(indexed_tags: AbstractSet[tuple[str, str]], claim: Claim | None) -> int:
    """Count the rows that a stored note has beside its own: one a tag that filters can ask for, and one a ring member."""
    return len(indexed_tags) + (0 if claim is None else len(claim.ring))


def count_touched_rows(event: Event, claim: Claim | None) -> int:
    """Count the rows that a note makes the writer insert or look up: what a deletion request names is looked up, too."""
    rows = count_index_rows(event.indexed_tags, claim)
    return 2 * rows if event.kind == DELETION_REQUEST else rows


def find_rows_bits(event: Event, claim: Claim | None, limits: Limits) -> int:
    """Return the bits of proof of work (NIP-13) that a note of many rows needs, 0 for one of few."""
    rows = count_touched_rows(event, claim)
    if rows <= limits.pow_free_rows or not limits.pow_hashes_per_row:
        return 0
    return (rows * limits.pow_hashes_per_row).bit_length() - 1
