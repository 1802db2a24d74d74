"""Database errors: which exceptions mean that the database is away, and which any failure. Knows no query."""

import asyncio

import asyncpg

# The server is gone, stopping, starting, out of connections or refuses us. asyncpg calls some of these internal errors.
DATABASE_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)
_OF_ONE_ROW = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError)
DATABASE_FAILURES = (*DATABASE_AWAY, asyncpg.PostgresError)


def is_away(error: BaseException) -> bool:
    """Return whether the database is away. A value that asyncpg cannot encode is an InterfaceError, too, and a bad row."""
    return isinstance(error, DATABASE_AWAY) and not isinstance(error, ValueError)


def refuses_writes(error: BaseException) -> bool:
    """Return whether it is the database that stores nothing now, as when its disk is full, and not one row that is at fault."""
    return not isinstance(error, (*_OF_ONE_ROW, ValueError))


def raise_if_cancelled() -> None:
    """Raise CancelledError if asyncpg turned this task's cancellation into a failed connection attempt.

    Call it between attempts. Otherwise a cancelled task keeps trying.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
