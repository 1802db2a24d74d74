"""What is weak about a ring, by its size, its scheme and what its file says. Pure: knows no files and no relay."""

from collections.abc import Sequence

from relay.client.signing.ring_file import NEVER, Entry
from relay.protocol.ring_terms import Scheme

# In a smaller ring, knowing the members is half of knowing the author.
SMALL_RING = 10
# Smaller linkable rings are refused by default (ring.min_size_linkable; the author's side reads no relay's settings).
USUAL_MIN_LINKABLE = 5
# Other keys of the ring may be like the signer's: no relay was asked.
_ASKED = " of those that a relay was asked about"
_UNUSED = "an unused key hides nobody"


def lint_ring(ring: Sequence[Entry], own: bytes | None = None, scheme: Scheme = Scheme.SAG) -> list[str]:
    """Return a warning for each weakness of a ring. `own` is the signer's key, where it is known."""
    clearances = _lint_clearances(len(ring)) if scheme is Scheme.BLSAG else []
    return [*_lint_size(ring), *clearances, *_lint_unused(ring, own), *_lint_own(ring, own)]


def _lint_size(ring: Sequence[Entry]) -> list[str]:
    if len(ring) >= SMALL_RING:
        return []
    if len(ring) == 1:
        return [f"a ring of one hides nobody, and cannot sign: add others' keys, {SMALL_RING} or more in all"]
    # With every scheme: each member knows of themselves that they did not sign.
    if len(ring) == 2:
        others, who = "one other member", "that one knows"
    else:
        others, who = f"{len(ring) - 1} other members", "together they know"
    return [
        f"a ring of {len(ring)} hides you among {others} only: {who} that it was you, and so does anyone who can rule them out; "
        f"{SMALL_RING} or more are better"
    ]


def _lint_clearances(size: int) -> list[str]:
    """Warn of what only a linkable note allows: another member's proof that it is not theirs."""
    if not 2 <= size < SMALL_RING:
        return []
    if size == 2:
        proof = "the other member can prove that a linkable note is not theirs, and then it is yours"
    else:
        proof = f"each of the {size - 1} others can prove that a linkable note is not theirs, and once all have, it is yours"
    if size < USUAL_MIN_LINKABLE:
        return [
            f"{proof}; relays refuse a linkable ring of fewer than {USUAL_MIN_LINKABLE} by default: sign with --scheme sag, or "
            "add members"
        ]
    return [f"{proof}: sign with --scheme sag unless your notes must be linked or counted"]


def _lint_unused(ring: Sequence[Entry], own: bytes | None) -> list[str]:
    unused = sum(entry.seen == NEVER for entry in ring if entry.key != own)
    if unused == 0:
        return []
    return [f"{unused} of the ring's {len(ring)} keys {_was(unused)} never seen, and {_UNUSED}: replace them"]


def _lint_own(ring: Sequence[Entry], own: bytes | None) -> list[str]:
    """Warn of what sets the signer's key apart from all other keys of known age."""
    mine = next((entry.seen for entry in ring if entry.key == own), None)
    others = {entry.seen for entry in ring if entry.key != own} - {None}
    if mine is None or not others:
        return []
    if mine == NEVER:
        if NEVER in others:
            return []
        return [
            f"yours is the only key that was never seen{_ASKED}: it looks made for this note; use one that is in use"
        ]
    seen = [quarter for quarter in others if quarter is not None and quarter != NEVER]
    if not seen:
        return [f"yours is the only key that was ever seen{_ASKED}: the ring points at you; use another ring"]
    if mine > max(seen):
        return [f"your key is the newest{_ASKED}, which sets it apart: add newer ones, or use another ring"]
    return []


def _was(count: int) -> str:
    return "was" if count == 1 else "were"
