"""What goes wrong with the database: which exceptions mean that it is away, and which anything at all. Knows no query."""

import asyncio

import asyncpg

# A server that is gone, stopping, starting, out of connections or closed to us; asyncpg calls some of it internal errors.
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
DATABASE_FAILURES = (*DATABASE_AWAY, asyncpg.PostgresError)


def raise_if_cancelled() -> None:
    """Raise CancelledError where asyncpg turned this task's cancellation into the failure of a connection attempt.

    Call it between attempts: otherwise a task that was told to end goes on trying.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
