"""What is weak about a ring, as far as its file tells. Pure: knows no files, no relay, no way to mend anything."""

from collections.abc import Sequence

from relay.client.ring_file import NEVER, Entry

# With fewer, knowing who these people are is already half of knowing who wrote.
SMALL_RING = 10
_UNUSED = "a key nobody uses hides nobody"


def lint(ring: Sequence[Entry], own: bytes | None = None) -> list[str]:
    """Return a warning for each weakness of a ring. `own` is the signer's key, one of the ring's, where it is known."""
    return [*_lint_size(ring), *_lint_unused(ring, own), *_lint_own(ring, own)]


def _lint_size(ring: Sequence[Entry]) -> list[str]:
    if len(ring) >= SMALL_RING:
        return []
    if len(ring) == 1:
        return [f"a ring of one hides nobody, and cannot sign: add others' keys, {SMALL_RING} or more in all"]
    others = "one other member" if len(ring) == 2 else f"{len(ring) - 1} other members"
    return [f"a ring of {len(ring)} hides you among {others} only: {SMALL_RING} or more are better"]


def _lint_unused(ring: Sequence[Entry], own: bytes | None) -> list[str]:
    unused = sum(entry.seen == NEVER for entry in ring if entry.key != own)
    if unused == 0:
        return []
    return [f"{unused} of the ring's {len(ring)} keys {_was(unused)} never seen, and {_UNUSED}: replace them"]


def _lint_own(ring: Sequence[Entry], own: bytes | None) -> list[str]:
    """Warn of what sets the signer's key apart from all others that something is known of."""
    mine = next((entry.seen for entry in ring if entry.key == own), None)
    others = {entry.seen for entry in ring if entry.key != own} - {None}
    if mine is None or not others:
        return []
    if mine == NEVER:
        if NEVER in others:
            return []
        return ["yours is the only key of the ring that was never seen: it looks made for this note"]
    seen = [quarter for quarter in others if quarter is not None and quarter != NEVER]
    if not seen:
        return ["yours is the only key of the ring that was ever seen: the ring points at you"]
    if mine > max(seen):
        return ["your key is the newest of the ring, which sets it apart: add newer ones, or use another ring"]
    return []


def _was(count: int) -> str:
    return "was" if count == 1 else "were"
