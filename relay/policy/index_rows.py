"""How many rows a note costs in the tables that are indexes, and what its author must do for many. Knows no table."""

from relay.limits import Limits
from relay.policy.rules import check_proof_of_work
from relay.protocol.event import DELETION_REQUEST, Event, list_indexed_tags
from relay.verify.claim import Claim


def count_index_rows(event: Event, claim: Claim | None) -> int:
    """Count the rows that a stored note has beside its own: one a tag that filters can ask for, and one a ring member."""
    return len(list_indexed_tags(event)) + (0 if claim is None else len(claim.ring))


def count_touched_rows(event: Event, claim: Claim | None) -> int:
    """Count the rows that a note makes the writer insert or look up: what a deletion request names is looked up, too."""
    rows = count_index_rows(event, claim)
    return 2 * rows if event.kind == DELETION_REQUEST else rows


def check_rows_cost(event: Event, claim: Claim | None, limits: Limits) -> None:
    """Refuse a note that costs many rows and has too little proof of work for that (NIP-13). Raises Rejected."""
    rows = count_touched_rows(event, claim)
    if rows > limits.pow_free_rows and limits.pow_hashes_per_row:
        check_proof_of_work(event, (rows * limits.pow_hashes_per_row).bit_length() - 1)
