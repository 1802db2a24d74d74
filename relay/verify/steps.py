"""Work that is done in steps, so that other work of the same process can come in between. Knows not what is done."""

from collections.abc import Generator
from typing import TypeAlias, TypeVar

T = TypeVar("T")
# Each `next` does a step; what it returns at the end is the result.
Steps: TypeAlias = Generator[None, None, T]


def finish(steps: Steps[T]) -> T:
    """Do all steps that are left, and return the result. Raises what the work raises."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
