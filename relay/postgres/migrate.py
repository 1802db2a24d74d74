"""Bring a database to the schema of this code, one numbered file at a time; it must not know what the files say."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from relay.postgres.errors import DATABASE_FAILURES

_FILE_NAME = re.compile(r"([0-9]{4})_[a-z0-9_]+\.sql\Z")
# Any number will do that nobody else locks: "ring" and "migr" in ASCII.
_LOCK_KEY = 0x72696E67_6D696772
# A quoted text is kept as it is; a comment, or a run of both, counts as one space.
_SQL_PARTS = re.compile(
    r"(?P<quoted>'(?:[^']|'')*'|\"[^\"]*\"|\$(?P<mark>\w*)\$.*?\$(?P=mark)\$)|(?:\s|--[^\n]*|/\*.*?\*/)+", re.DOTALL
)


class MigrationError(Exception):
    """The schema cannot be brought up to date; nothing of the failing file was kept."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file. `name` is the file's name without .sql, number included."""

    version: int
    name: str
    sql: str
    digest: bytes


def find_migrations_directory() -> Path:
    """Return the files' directory: inside the package when installed from a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for directory in (package / "migrations", package.parent / "migrations"):
        if directory.is_dir():
            return directory
    raise MigrationError(f"there is no directory of migrations in or beside {package}; install the relay again.")


def load_migrations(directory: Path) -> list[Migration]:
    """Read NNNN_name.sql in order; raises MigrationError unless they are numbered 1, 2, 3 and so on."""
    migrations = [_load(file) for file in sorted(directory.glob("*.sql"))]
    for expected, migration in enumerate(migrations, start=1):
        if migration.version < expected:
            raise MigrationError(f"two migrations have the number {migration.version:04d} in {directory}.")
        if migration.version > expected:
            raise MigrationError(f"the migration with the number {expected:04d} is missing in {directory}.")
    return migrations


def _load(file: Path) -> Migration:
    match = _FILE_NAME.match(file.name)
    if match is None:
        raise MigrationError(f"{file} is not named like a migration (0001_some_words.sql).")
    sql = file.read_text(encoding="utf-8")
    return Migration(int(match[1]), file.stem, sql, compute_digest(sql))


def compute_digest(sql: str) -> bytes:
    """Return the 32 bytes that stand for a migration: SHA-256 of its SQL without comments, white space as one space.

    A comment can be corrected after the file was applied; what Postgres ran cannot.
    """
    kept = _SQL_PARTS.sub(lambda part: part[0] if part["quoted"] else " ", sql)
    return hashlib.sha256(kept.strip().encode()).digest()


async def migrate(connection: "asyncpg.Connection", directory: Path) -> list[str]:
    """Apply what is missing, each file in a transaction of its own; return the names applied.

    Needs a session of its own (no transaction pooler): the lock that makes a second relay wait belongs to the session.
    Raises MigrationError for everything that can go wrong.
    """
    migrations = load_migrations(directory)
    try:
        applied = await _lock_and_read(connection)
        _check_applied(migrations, applied)
        missing = [migration for migration in migrations if migration.version not in applied]
        for migration in missing:
            await _apply(connection, migration)
        return [migration.name for migration in missing]
    finally:
        await _unlock(connection)


async def _lock_and_read(connection: "asyncpg.Connection") -> dict[int, tuple[str, bytes]]:
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK_KEY)
        return await _read_applied(connection)
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationError(
            "the role may not create tables: make it the owner of the database "
            f"(ALTER DATABASE ... OWNER TO ...). {_describe(error)}"
        ) from error
    except DATABASE_FAILURES as error:
        raise MigrationError(f"the table schema_migrations cannot be made or read: {_describe(error)}") from error


async def _unlock(connection: "asyncpg.Connection") -> None:
    """Give the lock back, if it was taken; it ends with the session in any case."""
    try:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK_KEY)
    except DATABASE_FAILURES:
        return


async def _read_applied(connection: "asyncpg.Connection") -> dict[int, tuple[str, bytes]]:
    # No applied_at: nothing in the database says when anything happened.
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations "
        "(version int PRIMARY KEY, name text NOT NULL, digest bytea NOT NULL)"
    )
    rows = await connection.fetch("SELECT version, name, digest FROM schema_migrations ORDER BY version")
    return {row["version"]: (row["name"], row["digest"]) for row in rows}


def _check_applied(migrations: list[Migration], applied: dict[int, tuple[str, bytes]]) -> None:
    """Refuse a database whose history is not the beginning of ours."""
    ours = {migration.version: migration for migration in migrations}
    for expected, (version, (name, digest)) in enumerate(applied.items(), start=1):
        if version != expected:
            raise MigrationError(
                f"the database has migration {name}, but not {expected:04d}. Restore it from a backup."
            )
        if version not in ours:
            raise MigrationError(
                f"the database has migration {name}, which this relay does not: the database is newer than the relay, "
                "or the file is missing. Run the newer relay."
            )
        if digest != ours[version].digest:
            raise MigrationError(
                f"migration {name} was applied with other contents than {ours[version].name}.sql has now. "
                "Applied migrations never change: restore the file, and put the change into a new one."
            )


async def _apply(connection: "asyncpg.Connection", migration: Migration) -> None:
    try:
        async with connection.transaction():
            # Building an index takes as long as it takes, whatever the limit is for queries.
            await connection.execute("SET LOCAL statement_timeout = 0")
            # A file is several statements, and only a call without arguments can carry those.
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO schema_migrations (version, name, digest) VALUES ($1, $2, $3)",
                migration.version,
                migration.name,
                migration.digest,
            )
    except DATABASE_FAILURES as error:
        # The server's own text is left out: it can quote what is stored.
        raise MigrationError(
            f"migration {migration.name} failed{_place(error, migration)}: {_describe(error)}"
        ) from error


def _place(error: Exception, migration: Migration) -> str:
    position = getattr(error, "position", None)
    return f" at line {migration.sql.count(chr(10), 0, int(position) - 1) + 1}" if position else ""


def _describe(error: Exception) -> str:
    sqlstate = getattr(error, "sqlstate", None)
    return f"{type(error).__name__}, SQLSTATE {sqlstate}" if sqlstate else type(error).__name__
