"""How many of the notes that wait are published at once, and which: a pool, as in Mixmaster. Knows no note.

In a batch of one there is nothing to hide in. So a batch below a minimum waits, and of a larger one some stay, to be among
those of the next: who watches cannot tell then in which period a note came.
"""

import secrets
from collections.abc import Sequence
from typing import TypeVar

from relay.limits import PrivacyPolicy
from relay.policy.rate_limit import TokenBucket

T = TypeVar("T")

# Of those that wait at most this part goes at once (Mixmaster Protocol, version 2: 65 %).
_MAX_PART = 0.65


def choose_published(waiting: Sequence[T], overdue: Sequence[T], min_batch: int) -> set[T]:
    """Return what goes now: so many that at least `min_batch` stay and at most 65 % go, drawn by lot; and what is overdue."""
    count = max(0, min(len(waiting) - min_batch, int(len(waiting) * _MAX_PART)))
    due = set(overdue)
    others = [one for one in waiting if one not in due]
    drawn = secrets.SystemRandom().sample(others, min(len(others), max(0, count - len(due))))
    return due | set(drawn)


def find_held_bits(waiting: int, policy: PrivacyPolicy) -> int:
    """Return the bits of work beyond its path's that a free note costs in the next period, by how many waited in this one.

    Fixed for a period, and with noise: nobody can tell from it whether one more note waits.
    """
    spread = policy.max_held // 20
    noisy = max(0, waiting + secrets.randbelow(2 * spread + 1) - spread)
    return min(policy.pow_bits_when_full, policy.pow_bits_when_full * noisy // policy.max_held)


def make_share(count: int, policy: PrivacyPolicy, now_s: float) -> TokenBucket:
    """Return the share of one connection or network: so many notes a period. `now_s` is monotonic."""
    return TokenBucket(count / (policy.publish_every_s or 1), count, now_s)
