"""Whose notes are stored next: senders take turns, and so do small notes and large ones. Knows no note and no database."""

from collections import deque
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar


class Sent(Protocol):
    """What waits to be stored."""

    @property
    def sender(self) -> Hashable:
        """Return who sent it; what has one sender keeps its order."""

    @property
    def rows(self) -> int:
        """Return what it costs: rows to be written."""


# A note over a ring of two hundred, or with as many tags, is not large.
_SMALL_ROWS = 256

W = TypeVar("W", bound=Sent)


class Turns(Generic[W]):
    """A queue for each sender, and whose turn it is."""

    def __init__(self) -> None:
        self._queues: dict[Hashable, deque[W]] = {}
        self._order: deque[Hashable] = deque()
        self._count = 0
        self._was_small = False

    def __len__(self) -> int:
        return self._count

    def push(self, waiting: W) -> None:
        """Add something behind what its sender has waiting."""
        self._find_queue(waiting.sender).append(waiting)
        self._count += 1

    def put_back(self, waiting: W) -> None:
        """Add something before what its sender has waiting: it was taken, and its work is not done."""
        self._find_queue(waiting.sender).appendleft(waiting)
        self._count += 1

    def pop_batch(self, max_count: int, max_rows: int) -> list[W]:
        """Remove and return one of each sender in turn, again and again, while it fits; the first always does.

        A sender whose next one does not fit is among the first in the next batch. What has few rows never shares a batch
        with what has many: they take turns, so that it waits for one large batch at most.
        """
        wants_small = not self._was_small
        batch = self._pop(wants_small, max_count, max_rows) or self._pop(not wants_small, max_count, max_rows)
        if batch:
            self._was_small = batch[0].rows <= _SMALL_ROWS
        return batch

    def _pop(self, wants_small: bool, max_count: int, max_rows: int) -> list[W]:
        batch: list[W] = []
        rows = 0
        passed_over: deque[Hashable] = deque()
        while self._order and len(batch) < max_count:
            sender = self._order.popleft()
            queue = self._queues[sender]
            is_wanted = (queue[0].rows <= _SMALL_ROWS) is wants_small
            if not is_wanted or (batch and rows + queue[0].rows > max_rows):
                passed_over.append(sender)
                continue
            batch.append(queue.popleft())
            rows += batch[-1].rows
            if queue:
                self._order.append(sender)
            else:
                del self._queues[sender]
        self._order.extendleft(reversed(passed_over))
        self._count -= len(batch)
        return batch

    def _find_queue(self, sender: Hashable) -> deque[W]:
        if sender not in self._queues:
            self._queues[sender] = deque()
            self._order.append(sender)
        return self._queues[sender]
