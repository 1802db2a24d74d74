"""The files of the built-in Postgres: layout, creation and configuration. Does not know the running server."""

import asyncio
import fcntl
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from relay.postgres.embedded.account import CHILD_ENVIRONMENT, Account, EmbeddedError, InUseError
from relay.postgres.privacy_settings import DURABILITY_SETTINGS, PRIVACY_SETTINGS

SUPERUSER = "postgres"
ROLE = "ringrelay"
DATABASE = "ringrelay"
PORT = "5432"
# The kernel's limit for the path of a socket is 108 bytes on Linux and 104 on macOS.
MAX_SOCKET_PATH_BYTES = 100
_INITDB_PREFIX = "cluster.new-"
_POLL_S = 0.02
_REMOVAL_ATTEMPTS = 250
# Control characters, and the lone surrogates that represent bytes that are not UTF-8.
_NOT_IN_A_PATH = frozenset({"Cc", "Cs"})


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths in the directory. The server's user owns cluster/ and the sockets, the relay owns all others."""

    directory: Path

    @property
    def cluster(self) -> Path:
        return self.directory / "cluster"

    @property
    def lock(self) -> Path:
        return self.directory / "lock"

    @property
    def settings(self) -> Path:
        return self.directory / "ringrelay.conf"

    @property
    def access(self) -> Path:
        return self.directory / "pg_hba.conf"

    @property
    def users(self) -> Path:
        return self.directory / "pg_ident.conf"

    @property
    def log(self) -> Path:
        return self.directory / "postgres.log"

    @property
    def sockets(self) -> Path:
        return self.directory / "socket"

    @property
    def sockets_elsewhere(self) -> Path:
        return self.directory / "socket-directory"


def make_directory(layout: Layout) -> None:
    """Make the directory, with parents that a separate user can pass through but not list.

    Raises OSError if the system refuses, and EmbeddedError for a path that cannot be written in Postgres' own files.
    """
    if any(unicodedata.category(character) in _NOT_IN_A_PATH for character in str(layout.directory)):
        raise EmbeddedError(
            f"the relay cannot keep its database in {str(layout.directory)!r}: that path has a line break or another "
            "control character. Set another directory (RELAY_DATA_DIR)."
        )
    is_root = os.geteuid() == 0
    for parent in reversed(layout.directory.parents):
        if not parent.exists():
            parent.mkdir(mode=0o700, exist_ok=True)
            parent.chmod(0o711 if is_root else 0o700)
    layout.directory.mkdir(mode=0o700, exist_ok=True)


def take_lock(layout: Layout) -> int:
    """Lock the directory for this process and return the file descriptor; closing it releases the lock."""
    # Children do not inherit it: a server that outlives the relay must not keep the next relay out.
    lock = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise InUseError(
            f"another relay is using {layout.directory}. Stop it first, or give this relay a data directory of its own."
        ) from error
    except OSError:
        os.close(lock)
        raise
    return lock


def check_cluster(layout: Layout, major: int, account: Account) -> bool:
    """Return whether there is a cluster. Raises EmbeddedError if this Postgres and user cannot start it."""
    try:
        found = (layout.cluster / "PG_VERSION").read_text(encoding="ascii", errors="replace").strip()
        owner = layout.cluster.stat().st_uid
    except FileNotFoundError:
        if layout.cluster.exists():
            raise EmbeddedError(f"{layout.cluster} contains something that is not a database. Move it away.") from None
        return False
    if found != str(major):
        raise EmbeddedError(
            f"{layout.cluster} was made by Postgres {found}, and this relay is set to {major}. Either set "
            f"database.embedded_version to {found}; or start with {found} once more, save the database with pg_dump, "
            f"move {layout.cluster} away, start with {major} and restore it."
        )
    if owner != account.server_uid:
        raise EmbeddedError(
            f"{layout.cluster} belongs to user id {owner}, and its Postgres would now run as user id "
            f"{account.server_uid}. Run the relay as the user who made it, or change the owner of everything in it."
        )
    return True


async def remove_unfinished(layout: Layout) -> None:
    """Remove what an interrupted create_cluster left behind."""
    for leftover in layout.directory.glob(f"{_INITDB_PREFIX}*"):
        # An initdb whose relay was killed may still write here. It ends when its files are gone, but until then it can put
        # new files into directories that are being removed.
        for _ in range(_REMOVAL_ATTEMPTS):
            shutil.rmtree(leftover, ignore_errors=True)
            if not leftover.exists():
                break
            await asyncio.sleep(_POLL_S)


async def create_cluster(layout: Layout, binaries: Path, major: int, account: Account) -> None:
    """Run initdb beside the final place, then rename, so that an interrupted one never looks finished."""
    new = Path(tempfile.mkdtemp(prefix=_INITDB_PREFIX, dir=layout.directory))
    account.hand_over(new, 0o700)
    await _run_initdb(new, binaries, major, account)
    # A relative path, so that a copy of the directory works elsewhere. It comes last, so that it overrides initdb's values.
    _append_durably(new / "postgresql.conf", f"include '../{layout.settings.name}'\n")
    _rename_durably(new, layout.cluster)


async def _run_initdb(new: Path, binaries: Path, major: int, account: Account) -> None:
    with tempfile.TemporaryFile() as stderr:
        process = _launch_initdb(new, binaries, major, account, stderr.fileno())
        try:
            while process.poll() is None:  # noqa: ASYNC110 - a process sets no event
                await asyncio.sleep(_POLL_S)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        stderr.seek(0)
        reason = " ".join(stderr.read().decode(errors="replace").split())[-500:]
    if process.returncode != 0:
        raise EmbeddedError(f"initdb could not make a database in {new.parent}: {reason}")


def _launch_initdb(new: Path, binaries: Path, major: int, account: Account, stderr: int) -> "subprocess.Popen[bytes]":
    command = [str(binaries / "initdb"), "-D", str(new), f"--username={SUPERUSER}", "--encoding=UTF8", "--locale=C"]
    # A segment of the write-ahead log is written out when the log is dropped after each batch: 37 ms in place of 250.
    command += ["--wal-segsize=1"]
    if major >= 17:  # Postgres 17 added a provider that sorts the same on every machine.
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    # Postgres reads our own access file. initdb's applies if somebody starts the cluster without our configuration.
    command += ["--data-checksums", "--auth-local=peer", "--auth-host=reject", "--no-instructions"]
    # Not an asyncio subprocess: uvloop's cannot run as another user.
    return subprocess.Popen(  # noqa: S603 - our own binaries and paths
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=stderr,
        cwd=new,
        env=CHILD_ENVIRONMENT,
        start_new_session=True,
        user=account.uid,
        group=account.gid,
        extra_groups=account.extra_groups,
    )


def _append_durably(path: Path, text: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
    try:
        os.write(file, text.encode())
        os.fsync(file)
    finally:
        os.close(file)


def _rename_durably(source: Path, target: Path) -> None:
    source.rename(target)
    opened = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def choose_socket_directory(layout: Layout, account: Account) -> Path:
    """Return a directory that only the server's user can enter, and whose path is short enough for a socket."""
    if len(os.fsencode(layout.sockets / f".s.PGSQL.{PORT}")) <= MAX_SOCKET_PATH_BYTES:
        layout.sockets.mkdir(mode=0o700, exist_ok=True)
        account.hand_over(layout.sockets, 0o700)
        return layout.sockets
    recorded = _read_recorded_sockets(layout)
    if recorded is not None and _is_private(recorded, account):
        return recorded
    # /tmp, not $TMPDIR, which is long on macOS and under test runners.
    made = Path(tempfile.mkdtemp(prefix="ringrelay-", dir="/tmp"))
    account.hand_over(made, 0o700)
    _replace_file(layout.sockets_elsewhere, str(made), account)
    return made


def find_sockets(layout: Layout) -> Path:
    """Return where the server that a running relay holds has its socket."""
    return _read_recorded_sockets(layout) or layout.sockets


def remove_socket_directory(layout: Layout) -> None:
    """Remove a temporary socket directory after its server has ended."""
    recorded = _read_recorded_sockets(layout)
    if recorded is not None:
        shutil.rmtree(recorded, ignore_errors=True)
        layout.sockets_elsewhere.unlink()


def _read_recorded_sockets(layout: Layout) -> Path | None:
    try:
        return Path(layout.sockets_elsewhere.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def _is_private(directory: Path, account: Account) -> bool:
    """Return whether a recorded directory is still ours. Anyone can make that name once /tmp has been cleaned."""
    try:
        found = directory.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == account.server_uid and stat.S_IMODE(found.st_mode) == 0o700


def build_server_settings(
    layout: Layout, sockets: Path, shared_buffers: str, extra: Mapping[str, str]
) -> dict[str, str]:
    """Return the settings for ringrelay.conf. `extra`, which is for tests, overrides all others."""
    profile = {setting.name: setting.wanted for setting in (*PRIVACY_SETTINGS, *DURABILITY_SETTINGS)}
    return {
        **profile,
        "listen_addresses": "",
        "port": PORT,
        "unix_socket_directories": '"' + str(sockets).replace('"', '""') + '"',
        "unix_socket_permissions": "0700",
        "hba_file": str(layout.access),
        "ident_file": str(layout.users),
        "max_connections": "52",
        "shared_buffers": shared_buffers,
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_destination": "stderr",
        "logging_collector": "off",
        "log_line_prefix": "",
        # Not `warning`: the first line of an ERROR can quote a value, and crash recovery logs the time of the last commit.
        "log_min_messages": "fatal",
        # The WAL has the time of every commit in microseconds. So its segments are removed soon, and deleted rather than
        # renamed for reuse with their old content.
        "archive_timeout": "300",
        "min_wal_size": "32MB",
        # initdb counts it in segments, which are small here: 64 MB. Notes at full speed then had a checkpoint every few seconds:
        # after each, whole pages were written, 2 MB for a note over a ring of a thousand, in place of 0.5.
        "max_wal_size": "1GB",
        "wal_recycle": "off",
        **extra,
    }


def write_configuration(layout: Layout, settings: Mapping[str, str], made_by: str, account: Account) -> bool:
    """Write the three files that the server reads, and return whether any changed. `made_by` names the programs used."""
    lines = [f"# Written by the relay at every start; changes here are lost. {made_by}"]
    # The setting that silences the server comes last, so that a mistake in a line before it is still logged.
    in_order = sorted(settings.items(), key=lambda item: (item[0] == "log_min_messages", item[0]))
    lines += [f"{name} = {_quote_setting(value)}" for name, value in in_order]
    roles = (SUPERUSER, ROLE)
    login = account.relay_login.replace('"', '""')
    changed = [
        _replace_file(layout.settings, "\n".join(lines) + "\n", account),
        # The only line: no other user has access, and there is no network.
        _replace_file(layout.access, f"local all {','.join(roles)} peer map=relay\n", account),
        _replace_file(layout.users, "".join(f'relay "{login}" {role}\n' for role in roles), account),
    ]
    return any(changed)


def _quote_setting(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _replace_file(path: Path, text: str, account: Account) -> bool:
    """Write a file that the server may read, atomically, and return whether it changed."""
    if path.exists() and path.read_bytes() == text.encode():
        account.let_read(path, 0o600, 0o640)
        return False
    part = path.with_name(f"{path.name}.new")
    part.write_text(text, encoding="utf-8")
    account.let_read(part, 0o600, 0o640)
    part.rename(path)
    return True
