"""Whose work is done next: senders take turns, and so does what is small and what is large. Knows not what is done."""

from collections import deque
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar


class Sent(Protocol):
    """What waits for its turn."""

    @property
    def sender(self) -> Hashable:
        """Return who sent it; what has one sender keeps its order."""

    @property
    def cost(self) -> int:
        """Return what it costs."""


W = TypeVar("W", bound=Sent)


class Turns(Generic[W]):
    """A queue for each sender, and whose turn it is. What costs more than `largest_small` is large; None: nothing is."""

    def __init__(self, largest_small: int | None = None) -> None:
        self._largest_small = largest_small
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

    def pop_batch(self, max_count: int, max_cost: int) -> list[W]:
        """Remove and return one of each sender in turn, again and again, while it fits; the first always does.

        A sender whose next one does not fit is among the first in the next batch. What is small never shares a batch with what
        is large: they take turns, so that it waits for one large batch at most.
        """
        wants_small = self._largest_small is None or not self._was_small
        batch = self._pop(wants_small, max_count, max_cost) or self._pop(not wants_small, max_count, max_cost)
        if batch:
            self._was_small = self._is_small(batch[0])
        return batch

    def _is_small(self, waiting: W) -> bool:
        return self._largest_small is None or waiting.cost <= self._largest_small

    def _pop(self, wants_small: bool, max_count: int, max_cost: int) -> list[W]:
        batch: list[W] = []
        cost = 0
        passed_over: deque[Hashable] = deque()
        while self._order and len(batch) < max_count:
            sender = self._order.popleft()
            queue = self._queues[sender]
            is_wanted = self._is_small(queue[0]) is wants_small
            if not is_wanted or (batch and cost + queue[0].cost > max_cost):
                passed_over.append(sender)
                continue
            batch.append(queue.popleft())
            cost += batch[-1].cost
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
