"""Which exceptions mean that the database is away, and which that anything went wrong with it. Knows no query."""

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
