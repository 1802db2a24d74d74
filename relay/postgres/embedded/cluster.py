"""The files of the built-in Postgres: layout, creation and configuration; it must not know of the running server."""

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

from relay.postgres.embedded.account import CHILD_ENVIRONMENT, Account, EmbeddedError
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
# Control characters, and the halves that stand for bytes which are not UTF-8.
_NOT_IN_A_PATH = frozenset({"Cc", "Cs"})


@dataclass(frozen=True, slots=True)
class Layout:
    """Name the files in the directory. All are the relay's own but cluster/ and the sockets, which are the server's."""

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
    """Make the directory, and parents that a separate user can pass through but not list.

    Raises OSError where the system refuses, and EmbeddedError for a path that Postgres' own files cannot hold.
    """
    if any(unicodedata.category(character) in _NOT_IN_A_PATH for character in str(layout.directory)):
        raise EmbeddedError(
            f"the relay cannot keep its database in {str(layout.directory)!r}: there is a line break or another "
            "character without a shape in that path. Name another directory (RELAY_DATA_DIR)."
        )
    is_root = os.geteuid() == 0
    for parent in reversed(layout.directory.parents):
        if not parent.exists():
            parent.mkdir(mode=0o700, exist_ok=True)
            parent.chmod(0o711 if is_root else 0o700)
    layout.directory.mkdir(mode=0o700, exist_ok=True)


def take_lock(layout: Layout) -> int:
    """Return the file descriptor that holds the directory for this process; closing it gives the directory back."""
    # Not inherited by children: a server that outlives the relay must not keep the next relay out.
    lock = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise EmbeddedError(
            f"another relay is using {layout.directory}. Stop it first, or give this relay a data directory of its own."
        ) from error
    except OSError:
        os.close(lock)
        raise
    return lock


def check_cluster(layout: Layout, major: int, account: Account) -> bool:
    """Tell whether there is a cluster; raise EmbeddedError if it is not one that this Postgres and user can start."""
    try:
        found = (layout.cluster / "PG_VERSION").read_text(encoding="ascii", errors="replace").strip()
        owner = layout.cluster.stat().st_uid
    except FileNotFoundError:
        if layout.cluster.exists():
            raise EmbeddedError(f"{layout.cluster} holds something that is not a database. Move it away.") from None
        return False
    if found != str(major):
        raise EmbeddedError(
            f"{layout.cluster} was made by Postgres {found}, and this relay is set to {major}. Either set "
            f"database.embedded_version to {found}; or start with that once more, save the database with pg_dump, "
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
        # An initdb whose relay was killed may still be writing here. It ends when its files are gone, but until then it
        # can put new ones into directories that are being removed.
        for _ in range(_REMOVAL_ATTEMPTS):
            shutil.rmtree(leftover, ignore_errors=True)
            if not leftover.exists():
                break
            await asyncio.sleep(_POLL_S)


async def create_cluster(layout: Layout, binaries: Path, major: int, account: Account) -> None:
    """Run initdb beside its final place and rename, so that an interrupted one leaves nothing that looks finished."""
    new = Path(tempfile.mkdtemp(prefix=_INITDB_PREFIX, dir=layout.directory))
    account.hand_over(new, 0o700)
    await _run_initdb(new, binaries, major, account)
    # A relative path, so that a copy of the directory works elsewhere; last, so that it wins over initdb's choices.
    _append_durably(new / "postgresql.conf", f"include '../{layout.settings.name}'\n")
    _rename_durably(new, layout.cluster)


async def _run_initdb(new: Path, binaries: Path, major: int, account: Account) -> None:
    with tempfile.TemporaryFile() as complaint:
        process = _launch_initdb(new, binaries, major, account, complaint.fileno())
        try:
            while process.poll() is None:  # noqa: ASYNC110 - a process sets no event
                await asyncio.sleep(_POLL_S)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        complaint.seek(0)
        reason = " ".join(complaint.read().decode(errors="replace").split())[-500:]
    if process.returncode != 0:
        raise EmbeddedError(f"initdb could not make a database in {new.parent}: {reason}")


def _launch_initdb(
    new: Path, binaries: Path, major: int, account: Account, complaint: int
) -> "subprocess.Popen[bytes]":
    command = [str(binaries / "initdb"), "-D", str(new), f"--username={SUPERUSER}", "--encoding=UTF8", "--locale=C"]
    if major >= 17:  # The provider that sorts alike on every machine came with Postgres 17.
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    # Postgres reads our own access file; initdb's is what somebody meets who starts the cluster without it.
    command += ["--data-checksums", "--auth-local=peer", "--auth-host=reject", "--no-instructions"]
    # Not an asyncio subprocess: uvloop's cannot run as another user.
    return subprocess.Popen(  # noqa: S603 - our own binaries and paths
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=complaint,
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
    """Return a directory that only the server's user can enter, with a path short enough for a socket."""
    if len(os.fsencode(layout.sockets / f".s.PGSQL.{PORT}")) <= MAX_SOCKET_PATH_BYTES:
        layout.sockets.mkdir(mode=0o700, exist_ok=True)
        account.hand_over(layout.sockets, 0o700)
        return layout.sockets
    recorded = _read_recorded_sockets(layout)
    if recorded is not None and _is_private(recorded, account):
        return recorded
    # /tmp rather than $TMPDIR, which on macOS and under test runners is long itself.
    made = Path(tempfile.mkdtemp(prefix="ringrelay-", dir="/tmp"))
    account.hand_over(made, 0o700)
    _replace(layout.sockets_elsewhere, str(made), account)
    return made


def forget_socket_directory(layout: Layout) -> None:
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
    """Tell whether a recorded directory is still ours: anyone can make that name in /tmp once it has been cleaned."""
    try:
        found = directory.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == account.server_uid and stat.S_IMODE(found.st_mode) == 0o700


def server_settings(layout: Layout, sockets: Path, shared_buffers: str, extra: Mapping[str, str]) -> dict[str, str]:
    """Return what goes into ringrelay.conf; `extra` wins, which is for tests."""
    profile = {setting.name: setting.wanted for setting in (*PRIVACY_SETTINGS, *DURABILITY_SETTINGS)}
    return {
        **profile,
        "listen_addresses": "",
        "port": PORT,
        "unix_socket_directories": '"' + str(sockets).replace('"', '""') + '"',
        "unix_socket_permissions": "0700",
        "hba_file": str(layout.access),
        "ident_file": str(layout.users),
        "max_connections": "50",
        "shared_buffers": shared_buffers,
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_destination": "stderr",
        "logging_collector": "off",
        "log_line_prefix": "",
        # Not warning: an ERROR's first line can quote a value, and crash recovery logs the time of the last commit.
        "log_min_messages": "fatal",
        # The WAL holds the time of every commit to the microsecond until its segments go: so they go soon, and are
        # deleted, not renamed for use again with their old content.
        "archive_timeout": "300",
        "min_wal_size": "32MB",
        "wal_recycle": "off",
        **extra,
    }


def write_configuration(layout: Layout, settings: Mapping[str, str], made_by: str, account: Account) -> bool:
    """Write the three files the server reads; tell whether any of them changed. `made_by` names the programs used."""
    lines = [f"# Written by the relay at every start; changes here are lost. {made_by}"]
    # What makes the server silent comes last: a mistake in a line before it can still be logged, and then be quoted.
    in_order = sorted(settings.items(), key=lambda item: (item[0] == "log_min_messages", item[0]))
    lines += [f"{name} = {_quote(value)}" for name, value in in_order]
    roles = (SUPERUSER, ROLE)
    login = account.relay_login.replace('"', '""')
    changed = [
        _replace(layout.settings, "\n".join(lines) + "\n", account),
        # The only line: whoever is not the relay's own user has no way in, and there is no network.
        _replace(layout.access, f"local all {','.join(roles)} peer map=relay\n", account),
        _replace(layout.users, "".join(f'relay "{login}" {role}\n' for role in roles), account),
    ]
    return any(changed)


def _quote(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _replace(path: Path, text: str, account: Account) -> bool:
    """Write a file that the server may read, whole or not at all; tell whether it changed."""
    if path.exists() and path.read_bytes() == text.encode():
        account.let_read(path, 0o600, 0o640)
        return False
    part = path.with_name(f"{path.name}.new")
    part.write_text(text, encoding="utf-8")
    account.let_read(part, 0o600, 0o640)
    part.rename(path)
    return True
