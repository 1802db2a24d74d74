"""The life cycle of the built-in Postgres: create, start, adopt and end it. Does not know what is stored in it."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import asyncpg

from relay.postgres.embedded.account import (
    Account,
    EmbeddedError,
    check_major,
    check_reachable,
    find_account,
    find_binaries,
    wheel_version,
)
from relay.postgres.embedded.cluster import (
    DATABASE,
    PORT,
    ROLE,
    SUPERUSER,
    Layout,
    build_server_settings,
    check_cluster,
    choose_socket_directory,
    create_cluster,
    find_sockets,
    make_directory,
    remove_socket_directory,
    remove_unfinished,
    take_lock,
    write_configuration,
)
from relay.postgres.embedded.process import (
    Postmaster,
    empty_log,
    find_running_server,
    launch_server,
    read_failure_reason,
)
from relay.postgres.errors import DATABASE_FAILURES, raise_if_cancelled

__all__ = ["EmbeddedError", "EmbeddedPostgres"]

_POLL_S = 0.02
_CONNECT_TIMEOUT_S = 5.0
# Errors while a server is starting, recovering or ending. OSError means that there is no socket yet, or a timeout.
_NOT_READY = (OSError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError, asyncpg.TooManyConnectionsError)
_CHILDREN_OF_A_KILLED_SERVER = "pre-existing shared memory block"


class EmbeddedPostgres:
    """A Postgres server of the relay's own in `directory`, for the relay's own operating-system user only.

    Every failure that the operator can fix is an EmbeddedError that says how.
    """

    def __init__(
        self,
        directory: Path,
        *,
        major: int = 18,
        start_timeout_s: float = 120.0,
        shutdown_timeout_s: float = 8.0,
        shared_buffers: str = "256MB",
        extra_settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        # Not Path.resolve, which raises for circular links. Here they fail when the directory is made.
        self._layout = Layout(Path(os.path.realpath(directory)))
        self._major = major
        self._start_timeout_s = start_timeout_s
        self._shutdown_timeout_s = shutdown_timeout_s
        self._shared_buffers = shared_buffers
        self._extra_settings = extra_settings
        self._lock: int | None = None
        self._sockets: Path | None = None
        self._postmaster: Postmaster | None = None

    @property
    def connect_arguments(self) -> dict[str, str]:
        """Return the arguments of asyncpg.connect for the relay: an ordinary role that owns the relay's database."""
        return self._build_arguments(ROLE, DATABASE)

    @property
    def superuser_arguments(self) -> dict[str, str]:
        """Return the arguments of asyncpg.connect for a superuser, which can make databases."""
        return self._build_arguments(SUPERUSER, "postgres")

    def pids(self) -> list[int]:
        """Return the process ids of the server and its children, the server first."""
        return self._postmaster.pids() if self._postmaster else []

    async def start(self) -> None:
        """Start the server and wait until it accepts connections. After a crash this can take up to start_timeout_s.

        Raises EmbeddedError with what to do.
        """
        if self._lock is not None:
            raise RuntimeError("this built-in Postgres has been started already")
        started = False
        try:
            await self._start()
            started = True
        except OSError as error:
            raise EmbeddedError(_describe_os_error(error, self._layout.directory)) from error
        finally:
            if not started:
                await self.stop()

    @property
    def has_data(self) -> bool:
        """Return whether there is a database in the directory."""
        return self._layout.cluster.is_dir()

    @property
    def arguments_beside(self) -> dict[str, str]:
        """Return the arguments of asyncpg.connect for a server that another process holds (InUseError)."""
        return {"host": str(find_sockets(self._layout)), "port": PORT, "user": ROLE, "database": DATABASE}

    async def wait_until_ended(self) -> None:
        """Wait until the server ends by itself. Call this after `start`."""
        if self._postmaster is not None:
            await self._postmaster.wait_until_ended()

    async def stop(self) -> None:
        """End the server and release the directory. Does nothing if the server is not running."""
        postmaster, self._postmaster = self._postmaster, None
        lock, self._lock = self._lock, None
        try:
            if postmaster is not None:
                await postmaster.stop(self._shutdown_timeout_s)
                remove_socket_directory(self._layout)
        finally:
            if lock is not None:
                os.close(lock)

    async def _start(self) -> None:
        deadline = asyncio.get_running_loop().time() + self._start_timeout_s
        check_major(self._major)
        make_directory(self._layout)
        self._lock = take_lock(self._layout)
        await remove_unfinished(self._layout)
        account = await asyncio.to_thread(find_account)
        # Check before changing anything: a refused directory must still work for the relay it belongs to.
        has_cluster = check_cluster(self._layout, self._major, account)
        binaries = await asyncio.to_thread(self._give_access, account)
        if not has_cluster:
            await create_cluster(self._layout, binaries, self._major, account)
        self._sockets = choose_socket_directory(self._layout, account)
        settings = build_server_settings(self._layout, self._sockets, self._shared_buffers, self._extra_settings)
        changed = write_configuration(self._layout, settings, f"{binaries} {wheel_version()}", account)
        if not await self._adopt_server(self._sockets, changed, deadline):
            await self._launch_server(binaries, account, deadline)
        try:
            await self._make_database()
        except DATABASE_FAILURES as error:
            raise EmbeddedError(
                f"the built-in Postgres in {self._layout.directory} started, but does not let the relay make its "
                f"database ({type(error).__name__}); {self._layout.log} may say why."
            ) from error

    def _give_access(self, account: Account) -> Path:
        """Give the server's user access to the directory, and return the directory of its programs."""
        account.let_read(self._layout.directory, 0o700, 0o710)
        check_reachable(self._layout.directory, account)
        return find_binaries(self._major, account)

    async def _adopt_server(self, sockets: Path, changed: bool, deadline: float) -> bool:
        """Take over a server whose relay was killed. End it if the configuration changed, so that all of it takes effect."""
        self._postmaster = find_running_server(self._layout.cluster, sockets)
        if self._postmaster is None:
            return False
        if changed:
            await self._postmaster.stop(self._shutdown_timeout_s)
            return False
        return await self._is_ready(self._postmaster, deadline)

    async def _launch_server(self, binaries: Path, account: Account, deadline: float) -> None:
        while True:
            self._postmaster = launch_server(binaries, self._layout.cluster, self._layout.log, account)
            if await self._is_ready(self._postmaster, deadline):
                empty_log(self._layout.log)
                return
            reason = read_failure_reason(self._layout.log)
            # If only the server itself was killed, its children need a moment to notice that and end.
            if _CHILDREN_OF_A_KILLED_SERVER not in reason or asyncio.get_running_loop().time() > deadline:
                raise EmbeddedError(f"the built-in Postgres in {self._layout.directory} did not start: {reason}")
            await asyncio.sleep(_POLL_S)

    async def _is_ready(self, postmaster: Postmaster, deadline: float) -> bool:
        """Wait until a connection succeeds, and return True. Return False if the server ends instead."""
        while True:
            try:
                connection = await asyncpg.connect(**self.superuser_arguments, timeout=_CONNECT_TIMEOUT_S)
            except _NOT_READY:
                raise_if_cancelled()
            else:
                await connection.close()
                return True
            if not postmaster.is_alive():
                return False
            if asyncio.get_running_loop().time() > deadline:
                raise EmbeddedError(
                    f"the built-in Postgres in {self._layout.directory} was not ready within "
                    f"{self._start_timeout_s:g} s. After a crash it has to read back what was written last; "
                    "start again with a longer timeout."
                )
            await asyncio.sleep(_POLL_S)

    async def _make_database(self) -> None:
        """Make the relay's role and database if they are missing: at the first start, or if that was interrupted."""
        connection = await asyncpg.connect(**self.superuser_arguments, timeout=_CONNECT_TIMEOUT_S)
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", ROLE):
                await connection.execute(f"CREATE ROLE {ROLE} LOGIN")
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", DATABASE):
                await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")
            await connection.execute(f"GRANT pg_checkpoint TO {ROLE}")
        finally:
            await connection.close()
        await self._allow_to_drop_old_log()

    async def _allow_to_drop_old_log(self) -> None:
        connection = await asyncpg.connect(**self._build_arguments(SUPERUSER, DATABASE))
        try:
            # Rights to a function are those of one database.
            await connection.execute(f"GRANT EXECUTE ON FUNCTION pg_switch_wal() TO {ROLE}")
        finally:
            await connection.close()

    def _build_arguments(self, user: str, database: str) -> dict[str, str]:
        if self._sockets is None:
            raise RuntimeError("this built-in Postgres has not been started")
        # With the port, so that PGPORT in the environment does not lead to another socket.
        return {"host": str(self._sockets), "port": PORT, "user": user, "database": database}


def _describe_os_error(error: OSError, directory: Path) -> str:
    """Return what the system refused and what to do. The advice depends on whether the directory exists."""
    place = error.filename or directory
    if isinstance(error, PermissionError) and os.path.exists(directory):
        return (
            f"the relay may not use {place}. Run it as the user who owns {directory}, or change the owner of "
            "everything in it."
        )
    return (
        f"the relay cannot keep its database in {directory} ({place}: {error.strerror or type(error).__name__}). "
        "Set another directory: RELAY_DATA_DIR, or data_dir in the configuration file."
    )
