"""Migrations: bring a database to the schema of this code, one numbered file at a time. Does not know their contents."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from relay.postgres.errors import DATABASE_FAILURES

_FILE_NAME = re.compile(r"([0-9]{4})_[a-z0-9_]+\.sql\Z")
# Any number that nothing else locks: "ring" and "migr" in ASCII.
_LOCK_KEY = 0x72696E67_6D696772
# Quoted text is kept as it is. A run of white space and comments counts as one space.
_SQL_PARTS = re.compile(
    r"(?P<quoted>'(?:[^']|'')*'|\"[^\"]*\"|\$(?P<mark>\w*)\$.*?\$(?P=mark)\$)|(?:\s|--[^\n]*|/\*.*?\*/)+", re.DOTALL
)


class MigrationError(Exception):
    """The reason why the schema cannot be brought up to date. Nothing of a failing file is kept."""


@dataclass(frozen=True, slots=True)
class Migration:
    """A migration file. `name` is the file's name without .sql, with its number."""

    version: int
    name: str
    sql: str
    digest: bytes


def find_migrations_directory() -> Path:
    """Return the directory of the files: inside the package if installed from a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for directory in (package / "migrations", package.parent / "migrations"):
        if directory.is_dir():
            return directory
    raise MigrationError(f"there is no directory of migrations in or beside {package}; install the relay again.")


def load_migrations(directory: Path) -> list[Migration]:
    """Read the files NNNN_name.sql in order. Raises MigrationError unless they are numbered 1, 2, 3 and so on."""
    migrations = [_load_migration(file) for file in sorted(directory.glob("*.sql"))]
    for expected, migration in enumerate(migrations, start=1):
        if migration.version < expected:
            raise MigrationError(
                f"two migrations have the number {migration.version:04d} in {directory}. Install the relay again."
            )
        if migration.version > expected:
            raise MigrationError(
                f"the migration with the number {expected:04d} is missing in {directory}. Install the relay again."
            )
    return migrations


def _load_migration(file: Path) -> Migration:
    match = _FILE_NAME.match(file.name)
    if match is None:
        raise MigrationError(f"{file} is not named like a migration (0001_some_words.sql). Rename or remove it.")
    sql = file.read_text(encoding="utf-8")
    return Migration(int(match[1]), file.stem, sql, compute_digest(sql))


def compute_digest(sql: str) -> bytes:
    """Return the 32-byte digest of a migration: SHA-256 of its SQL without comments, white space as one space.

    A comment may be corrected after the file was applied. The SQL that Postgres ran may not.
    """
    kept = _SQL_PARTS.sub(lambda part: part[0] if part["quoted"] else " ", sql)
    return hashlib.sha256(kept.strip().encode()).digest()


async def apply_migrations(connection: "asyncpg.Connection", directory: Path) -> list[str]:
    """Apply the missing migrations, each in a transaction of its own, and return their names.

    Needs a session of its own (no transaction pooler): the lock that makes a second relay wait belongs to the session.
    Raises MigrationError for any failure.
    """
    migrations = load_migrations(directory)
    try:
        applied = await _lock_and_read(connection)
        _check_applied(migrations, applied)
        missing = [migration for migration in migrations if migration.version not in applied]
        for migration in missing:
            await _apply_migration(connection, migration)
        return [migration.name for migration in missing]
    finally:
        await _release_lock(connection)


async def _lock_and_read(connection: "asyncpg.Connection") -> dict[int, tuple[str, bytes]]:
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK_KEY)
        return await _read_applied(connection)
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationError(
            "the role may not create tables: make it the owner of the database "
            f"(ALTER DATABASE ... OWNER TO ...). {_describe_error(error)}"
        ) from error
    except DATABASE_FAILURES as error:
        raise MigrationError(
            f"the table schema_migrations cannot be made or read: {_describe_error(error)}. "
            "Check that the role owns the database, and start again."
        ) from error


async def _release_lock(connection: "asyncpg.Connection") -> None:
    """Release the lock if it was taken. It ends with the session in any case."""
    try:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK_KEY)
    except DATABASE_FAILURES:
        return


async def _read_applied(connection: "asyncpg.Connection") -> dict[int, tuple[str, bytes]]:
    # No applied_at: the database keeps no time of anything that happened.
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations "
        "(version int PRIMARY KEY, name text NOT NULL, digest bytea NOT NULL)"
    )
    rows = await connection.fetch("SELECT version, name, digest FROM schema_migrations ORDER BY version")
    return {row["version"]: (row["name"], row["digest"]) for row in rows}


def _check_applied(migrations: list[Migration], applied: dict[int, tuple[str, bytes]]) -> None:
    """Refuse a database whose applied migrations are not the first of ours."""
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
                "Applied migrations never change: restore the file, and put the change into a new file."
            )


async def _apply_migration(connection: "asyncpg.Connection", migration: Migration) -> None:
    try:
        async with connection.transaction():
            # Building an index may take longer than the limit for queries.
            await connection.execute("SET LOCAL statement_timeout = 0")
            # A file has several statements, which only a call without arguments can run.
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO schema_migrations (version, name, digest) VALUES ($1, $2, $3)",
                migration.version,
                migration.name,
                migration.digest,
            )
    except DATABASE_FAILURES as error:
        # Without the server's own text, which can quote stored data.
        raise MigrationError(
            f"migration {migration.name} failed{_locate_error(error, migration)}: {_describe_error(error)}"
        ) from error


def _locate_error(error: Exception, migration: Migration) -> str:
    position = getattr(error, "position", None)
    return f" at line {migration.sql.count(chr(10), 0, int(position) - 1) + 1}" if position else ""


def _describe_error(error: Exception) -> str:
    sqlstate = getattr(error, "sqlstate", None)
    return f"{type(error).__name__}, SQLSTATE {sqlstate}" if sqlstate else type(error).__name__
