"""The built-in Postgres with its real settings: what it survives, whom it lets in, and what it leaves behind."""

# Nothing else runs on a test's event loop, so it may wait for files and processes directly.
# ruff: noqa: ASYNC220, ASYNC221, ASYNC240

import asyncio
import contextlib
import errno
import importlib.util
import os
import pwd
import signal
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from relay.postgres.embedded import EmbeddedError, EmbeddedPostgres, make_reachable
from relay.postgres.embedded.account import INSTALLATIONS, PACKAGE, Account, find_account, find_binaries
from relay.postgres.privacy_settings import check_privacy_settings
from tests.support.processes import exists, has_signal
from tests.support.time_factor import scaled
from tests.support.waiting import until

IS_ROOT = os.geteuid() == 0
pytestmark = pytest.mark.xdist_group("embedded")
needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root can act as another operating-system user")

# A relay that does nothing but run its Postgres, on the loop that a real one uses, until it is killed.
RELAY = """
import asyncio, sys, uvloop
from pathlib import Path
from relay.postgres.embedded import EmbeddedPostgres

async def main():
    await EmbeddedPostgres(Path(sys.argv[1]), shared_buffers="16MB").start()
    print("ready", flush=True)
    await asyncio.Event().wait()

uvloop.run(main())
"""


async def run(server: EmbeddedPostgres, statement: str) -> Any:
    connection = await asyncpg.connect(**server.connect_arguments)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


@pytest.fixture
def data(reachable_directory: Path) -> Path:
    return reachable_directory / "postgres"


@pytest.fixture(scope="module")
def shared_data(shared_reachable_directory: Path) -> Path:
    """Give a directory whose database is made once, for tests that do not care what is in it."""
    return shared_reachable_directory / "postgres"


@pytest_asyncio.fixture
async def make_server() -> AsyncIterator[Callable[..., EmbeddedPostgres]]:
    """Make servers that are ended after the test whatever happens in it."""
    made: list[EmbeddedPostgres] = []

    def make(directory: Path, **options: Any) -> EmbeddedPostgres:
        made.append(EmbeddedPostgres(directory, **{"shared_buffers": "16MB", **options}))
        return made[-1]

    yield make
    for server in made:
        await server.stop()


@pytest.fixture
def start_relay(directories: Any) -> Iterator[Callable[[Path], "subprocess.Popen[str]"]]:
    """Start relay processes, which are killed at the latest after the test."""
    started: list[subprocess.Popen[str]] = []

    def start(directory: Path) -> "subprocess.Popen[str]":
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", RELAY, str(directory)], stdout=subprocess.PIPE, text=True, cwd=directories.root
            )
        )
        return started[-1]

    yield start
    for relay in started:
        kill(relay)


def kill(relay: "subprocess.Popen[str]") -> None:
    relay.kill()
    relay.wait()
    assert relay.stdout is not None
    relay.stdout.close()


def leave_server(directory: Path, start_relay: Callable[[Path], "subprocess.Popen[str]"]) -> int:
    """Start a relay process and kill it once it is ready, and return the process id of the server it leaves running."""
    relay = start_relay(directory)
    assert relay.stdout is not None
    assert relay.stdout.readline() == "ready\n"
    kill(relay)
    return int((directory / "cluster" / "postmaster.pid").read_text().split("\n")[0])


@pytest.mark.parametrize("major", sorted(INSTALLATIONS))
async def test_every_version_starts_with_the_whole_profile_and_nothing_lost_by_a_power_cut(
    data: Path, make_server: Any, major: int
) -> None:
    server = make_server(data, major=major)
    await server.start()
    connection = await asyncpg.connect(**server.connect_arguments)
    try:
        assert connection.get_server_version().major == major
        assert await check_privacy_settings(connection) == []
        for name in ("fsync", "full_page_writes", "synchronous_commit", "data_checksums"):
            assert await connection.fetchval("SELECT current_setting($1)", name) == "on"
        # A checkpoint at each 64 MB of log, as initdb would have it, wrote most pages again and again.
        assert await connection.fetchval("SELECT current_setting('max_wal_size')") == "1GB"
        assert await connection.fetchval("SELECT current_setting('listen_addresses')") == ""
        assert await connection.fetchval("SELECT 'B' < 'a'")
    finally:
        await connection.close()


async def test_the_relay_owns_its_database_but_is_no_superuser(shared_data: Path, make_server: Any) -> None:
    server = make_server(shared_data)
    await server.start()
    assert await run(server, "SELECT current_setting('is_superuser')") == "off"
    await run(server, "CREATE TABLE public.kept ()")


@pytest.mark.serial
async def test_a_second_start_is_quick_and_finds_what_was_stored(data: Path, make_server: Any) -> None:
    server = make_server(data)
    await server.start()
    await run(server, "CREATE TABLE kept AS SELECT 7 AS value")
    await server.stop()
    began = time.monotonic()
    await server.start()
    assert time.monotonic() - began < scaled(3)
    assert await run(server, "SELECT value FROM kept") == 7


async def test_no_process_is_left_after_stop(shared_data: Path, make_server: Any) -> None:
    server = make_server(shared_data)
    await server.start()
    connection = await asyncpg.connect(**server.connect_arguments)
    pids = server.pids()
    assert len(pids) > 3
    await server.stop()
    assert [pid for pid in pids if exists(pid)] == []
    assert server.pids() == []
    connection.terminate()


async def test_stop_without_start_and_a_second_stop_do_nothing(shared_data: Path, make_server: Any) -> None:
    server = make_server(shared_data)
    await server.stop()
    await server.start()
    await server.stop()
    await server.stop()


async def test_a_stop_that_takes_too_long_becomes_an_immediate_one(data: Path, make_server: Any) -> None:
    server = make_server(data, shutdown_timeout_s=0.05)
    await server.start()
    await run(server, "CREATE TABLE kept AS SELECT 7 AS value")
    # A stopped child cannot answer the fast shutdown. It goes on once it has been told to end at once.
    connection = await asyncpg.connect(**server.connect_arguments)
    child = connection.get_server_pid()
    pids = server.pids()
    os.kill(child, signal.SIGSTOP)
    stopping = asyncio.create_task(server.stop())
    await until(lambda: has_signal("ShdPnd", child, signal.SIGQUIT))
    os.kill(child, signal.SIGCONT)
    await stopping
    connection.terminate()
    assert [pid for pid in pids if exists(pid)] == []
    await server.start()
    assert await run(server, "SELECT value FROM kept") == 7


async def test_a_second_relay_is_told_that_the_directory_is_taken(shared_data: Path, make_server: Any) -> None:
    first, second = make_server(shared_data), make_server(shared_data)
    await first.start()
    with pytest.raises(EmbeddedError, match=r"another relay is using .* Stop it first"):
        await second.start()
    assert await run(first, "SELECT 1") == 1


async def test_a_server_left_by_a_killed_relay_is_taken_over(
    shared_data: Path, make_server: Any, start_relay: Any
) -> None:
    left = leave_server(shared_data, start_relay)
    server = make_server(shared_data)
    await server.start()
    assert server.pids()[0] == left
    assert await run(server, "SELECT 1") == 1
    await server.stop()
    assert not exists(left)


async def test_a_server_left_with_other_settings_is_started_anew(
    shared_data: Path, make_server: Any, start_relay: Any
) -> None:
    left = leave_server(shared_data, start_relay)
    server = make_server(shared_data, extra_settings={"max_connections": "17"})
    await server.start()
    assert server.pids()[0] != left
    assert await run(server, "SELECT current_setting('max_connections')") == "17"
    assert not exists(left)


async def test_what_was_committed_survives_the_death_of_all_processes(
    data: Path, make_server: Any, start_relay: Any
) -> None:
    leave_server(data, start_relay)
    server = make_server(data)
    await server.start()
    await run(server, "CREATE TABLE kept AS SELECT 7 AS value")
    for pid in server.pids():
        # The children of a killed server end by themselves.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    await server.stop()
    await server.start()
    assert await run(server, "SELECT value FROM kept") == 7
    # Postgres would like to log when the last transaction was committed.
    assert (data / "postgres.log").read_text() == ""


async def test_children_of_a_killed_server_do_not_keep_the_next_one_from_starting(
    shared_data: Path, make_server: Any
) -> None:
    server = make_server(shared_data)
    await server.start()
    os.kill(server.pids()[0], signal.SIGKILL)
    await server.stop()
    await server.start()
    assert await run(server, "SELECT 1") == 1


async def test_a_process_id_that_went_to_another_program_does_not_keep_the_server_from_starting(
    shared_data: Path, make_server: Any
) -> None:
    server = make_server(shared_data)
    await server.start()
    locks = [shared_data / "cluster" / "postmaster.pid", shared_data / "socket" / ".s.PGSQL.5432.lock"]
    contents = [lock.read_text().split("\n", 1)[1] for lock in locks]
    await server.stop()
    account = find_account()
    stranger = subprocess.Popen(
        ["/bin/sh", "-c", "read _"], stdin=subprocess.PIPE, user=account.uid, group=account.gid, cwd="/"
    )
    for lock, content in zip(locks, contents, strict=True):
        lock.write_text(f"{stranger.pid}\n{content}")
        account.hand_over(lock, 0o600)
    try:
        await server.start()
        assert await run(server, "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.communicate(b"\n")


async def test_a_relay_killed_while_it_makes_the_database_leaves_nothing_in_the_way(
    data: Path, make_server: Any, start_relay: Any
) -> None:
    relay = start_relay(data)
    await until(lambda: list(data.glob("cluster.new-*/PG_VERSION")))
    kill(relay)
    assert not (data / "cluster").exists()
    server = make_server(data)
    await server.start()
    assert await run(server, "SELECT 1") == 1
    assert list(data.glob("cluster.new-*")) == []


async def test_a_start_cancelled_while_it_makes_the_database_can_be_repeated(data: Path, make_server: Any) -> None:
    server = make_server(data)
    start = asyncio.create_task(server.start())
    await until(lambda: list(data.glob("cluster.new-*/PG_VERSION")))
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    await server.start()
    assert await run(server, "SELECT 1") == 1


async def test_a_long_path_gets_a_private_socket_directory_elsewhere_for_as_long_as_it_runs(
    data: Path, make_server: Any, start_relay: Any
) -> None:
    long = data / ("long" * 20) / ("path" * 20)
    leave_server(long, start_relay)
    server = make_server(long)
    await server.start()
    assert await run(server, "SELECT 1") == 1
    sockets = Path(server.connect_arguments["host"])
    assert not sockets.is_relative_to(data)
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    await server.stop()
    assert not sockets.exists()


async def test_a_path_with_quotes_spaces_and_commas_works(data: Path, make_server: Any) -> None:
    server = make_server(data / 'it\'s "a, b\\c"')
    await server.start()
    assert await run(server, "SELECT 1") == 1


async def test_a_cluster_of_another_version_is_refused_with_advice(data: Path, make_server: Any) -> None:
    old = make_server(data, major=16)
    await old.start()
    await old.stop()
    with pytest.raises(EmbeddedError, match=r"made by Postgres 16.*set database\.embedded_version to 16.*pg_dump"):
        await make_server(data, major=18).start()


async def test_a_version_that_does_not_ship_is_refused(shared_data: Path, make_server: Any) -> None:
    with pytest.raises(EmbeddedError, match=r"no built-in Postgres 17; database\.embedded_version can be 18 or 16"):
        await make_server(shared_data, major=17).start()


async def test_a_server_that_does_not_start_is_quoted_and_the_directory_given_back(
    shared_data: Path, make_server: Any
) -> None:
    with pytest.raises(EmbeddedError, match=r"did not start: .*shared_buffers"):
        await make_server(shared_data, shared_buffers="lots").start()
    await make_server(shared_data).start()


async def test_a_server_that_is_not_ready_in_time_is_ended_and_the_directory_given_back(
    shared_data: Path, make_server: Any
) -> None:
    with pytest.raises(EmbeddedError, match=r"was not ready within 0 s"):
        await make_server(shared_data, start_timeout_s=0).start()
    assert not (shared_data / "cluster" / "postmaster.pid").exists()
    await make_server(shared_data).start()


async def test_a_ctrl_c_meant_for_the_relay_does_not_reach_the_server(shared_data: Path, make_server: Any) -> None:
    server = make_server(shared_data)
    await server.start()
    assert os.getsid(server.pids()[0]) != os.getsid(0)


async def test_a_port_in_the_environment_does_not_lead_elsewhere(
    shared_data: Path, make_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPORT", "1")
    server = make_server(shared_data)
    await server.start()
    assert await run(server, "SELECT 1") == 1


async def test_failing_statements_leave_nothing_in_the_log(data: Path, make_server: Any) -> None:
    server = make_server(data)
    await server.start()
    await run(server, "CREATE TABLE kept AS SELECT 'canary' AS value")
    await run(server, "CREATE UNIQUE INDEX ON kept (value)")
    for statement in ("INSERT INTO kept VALUES ('canary')", "SELECT 'canary'::int", "SELECT canary"):
        with pytest.raises(asyncpg.PostgresError):
            await run(server, statement)
    await server.stop()
    assert (data / "postgres.log").read_text() == ""


async def test_nothing_of_a_start_that_went_well_is_left_in_the_log(data: Path, make_server: Any) -> None:
    server = make_server(data, extra_settings={"log_min_messages": "log"})
    await server.start()
    assert "starting PostgreSQL" not in (data / "postgres.log").read_text()


async def test_the_end_of_a_server_that_nobody_stopped_is_noticed(
    shared_data: Path, make_server: Any, start_relay: Any
) -> None:
    left = leave_server(shared_data, start_relay)
    server = make_server(shared_data)
    for pid in (left, None):  # One that was taken over, and one of its own.
        await server.start()
        assert pid in (None, server.pids()[0])
        async with asyncio.timeout(scaled(10)):
            watching = asyncio.create_task(server.wait_until_ended())
            assert await run(server, "SELECT 1") == 1
            assert not watching.done()
            os.kill(server.pids()[0], signal.SIGKILL)
            await watching
        await server.stop()


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("{0}/a file", "Not a directory"),
        ("{0}/a file/below", "Not a directory"),
        ("/dev/full", "Not a directory"),
        ("/proc/nowhere", "No such file or directory"),
        ("{0}/" + "x" * 300, "File name too long"),
        ("{0}/circle", "circle: File exists"),
        ("{0}/two\nlines", "line break"),
        ("{0}/not \udcff UTF-8", "control character"),
    ],
)
async def test_a_directory_that_cannot_be_is_refused_with_path_reason_and_remedy(
    reachable_directory: Path, make_server: Any, place: str, reason: str
) -> None:
    (reachable_directory / "a file").touch()
    (reachable_directory / "circle").symlink_to("circle")
    directory = Path(place.format(reachable_directory))
    with pytest.raises(EmbeddedError) as raised:
        await make_server(directory / "postgres").start()
    said = str(raised.value)
    assert reason in said
    assert "RELAY_DATA_DIR" in said
    assert str(directory).encode("unicode_escape").decode() in said.replace("\\\\", "\\")
    assert "owner" not in said


def test_a_directory_below_one_that_may_not_be_written_is_refused_with_path_reason_and_remedy(
    reachable_directory: Path,
) -> None:
    closed = reachable_directory / "closed"
    closed.mkdir(mode=0o755)
    program = (
        "import asyncio, os, sys\nfrom pathlib import Path\nfrom relay.postgres.embedded import EmbeddedError, EmbeddedPostgres\n"
        "os.geteuid() or os.setuid(65534)\n"
        "try: asyncio.run(EmbeddedPostgres(Path(sys.argv[1])).start())\nexcept EmbeddedError as error: print(error)"
    )
    if not IS_ROOT:
        closed.chmod(0o555)
    said = subprocess.run(
        [sys.executable, "-c", program, str(closed / "data")], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    assert f"{closed}/data: Permission denied" in said
    assert "RELAY_DATA_DIR" in said
    assert "owner" not in said


async def test_nobody_but_the_relay_can_enter_the_directory(shared_data: Path, make_server: Any) -> None:
    server = make_server(shared_data)
    await server.start()
    for path in (shared_data, shared_data / "cluster", shared_data / "socket"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o007 == 0
    assert stat.S_IMODE((shared_data / "socket").stat().st_mode) == 0o700


@needs_root
@pytest.mark.parametrize("role", ["ringrelay", "postgres"])
async def test_another_user_of_the_machine_is_refused_even_where_the_socket_is_open(
    shared_data: Path, make_server: Any, stranger: Account, psql: Path, role: str
) -> None:
    server = make_server(shared_data)
    await server.start()
    sockets = Path(server.connect_arguments["host"])
    assert "Permission denied" in ask(psql, sockets, role, stranger)
    for path in (shared_data, sockets, sockets / ".s.PGSQL.5432"):
        path.chmod(0o777)
    assert f'Peer authentication failed for user "{role}"' in ask(psql, sockets, role, stranger)
    assert ask(psql, sockets, role, Account("root")) == "7\n"


@pytest.fixture
def stranger() -> Account:
    nobody = pwd.getpwnam("nobody")
    return Account("nobody", nobody.pw_uid, nobody.pw_gid)


@pytest.fixture
def closed_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the wheel where only its owner can reach it, as in a virtual environment under /root."""
    spec = importlib.util.find_spec(PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    real, closed = Path(spec.origin).parent, tmp_path / "closed"
    (closed / PACKAGE).mkdir(parents=True)
    (closed / PACKAGE / "__init__.py").touch()
    for name in INSTALLATIONS.values():
        (closed / PACKAGE / name).symlink_to(real / name)
    (closed / f"{PACKAGE}.libs").symlink_to(real.with_name(f"{PACKAGE}.libs"))
    closed.chmod(0o700)
    monkeypatch.syspath_prepend(str(closed))
    return closed


@pytest.fixture
def psql(closed_wheel: Path, reachable_directory: Path, stranger: Account) -> Path:
    return find_binaries(18, stranger, cache=reachable_directory / "cache") / "psql"


def ask(psql: Path, sockets: Path, role: str, account: Account) -> str:
    """Return what psql says when this user connects."""
    return subprocess.run(
        [psql, "-X", "-A", "-t", "-h", sockets, "-U", role, "-d", "ringrelay", "-c", "SELECT 7"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        user=account.uid,
        group=account.gid,
        extra_groups=account.extra_groups,
        cwd="/",
        check=False,
    ).stdout


@needs_root
@pytest.mark.parametrize("major", sorted(INSTALLATIONS))
async def test_binaries_that_the_system_user_cannot_reach_are_copied_once_and_work(
    closed_wheel: Path, reachable_directory: Path, stranger: Account, major: int
) -> None:
    cache = reachable_directory / "cache"
    binaries = find_binaries(major, stranger, cache)
    assert binaries.is_relative_to(cache)
    copied = {path: path.stat().st_mtime_ns for path in cache.rglob("*")}
    assert find_binaries(major, stranger, cache) == binaries
    assert {path: path.stat().st_mtime_ns for path in cache.rglob("*")} == copied
    assert all(path.lstat().st_uid == 0 for path in copied)
    assert not any(path.stat().st_mode & 0o022 for path in copied)
    for program in ("initdb", "postgres", "pg_dump"):
        said = subprocess.run(
            [binaries / program, "--version"], stdout=subprocess.PIPE, text=True, user=stranger.uid, check=True
        )
        assert f" {major}." in said.stdout


@pytest.fixture
def closed(reachable_directory: Path) -> Path:
    """Give a directory that only root can enter, as root's home is in a container."""
    directory = reachable_directory / "closed"
    directory.mkdir(mode=0o700)
    return directory


@needs_root
async def test_a_directory_that_the_system_user_cannot_reach_is_refused_with_advice(
    closed: Path, make_server: Any
) -> None:
    with pytest.raises(EmbeddedError, match=r"cannot enter .*RELAY_DATA_DIR=/var/lib/ringrelay"):
        await make_server(closed / "data").start()


@needs_root
async def test_data_that_the_system_user_could_not_reach_is_kept_elsewhere_from_the_first_start_on(
    closed: Path, reachable_directory: Path, make_server: Any
) -> None:
    data, elsewhere = closed / "data", reachable_directory / "lib" / "ringrelay"
    # Also where somebody made the directory.
    data.mkdir()
    make_reachable(data, elsewhere)
    server = make_server(data / "postgres")
    await server.start()
    await run(server, "CREATE TABLE kept AS SELECT 7 AS value")
    await server.stop()
    assert (elsewhere / "postgres" / "cluster" / "PG_VERSION").exists()
    assert [stat.S_IMODE((elsewhere / path).stat().st_mode) for path in ("", "postgres", "postgres/cluster")] == [
        0o711,
        0o710,
        0o700,
    ]
    for mode in (0o700, 0o755):
        # When the directory can be entered there is no second, empty database in it.
        closed.chmod(mode)
        make_reachable(data, reachable_directory / "another")
        await server.start()
        assert await run(server, "SELECT value FROM kept") == 7
        await server.stop()


@needs_root
async def test_where_there_can_be_no_link_the_reason_and_a_remedy_are_given(
    closed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    # Only a file system that cannot be written keeps root from it.
    monkeypatch.setattr("os.symlink", refuse)
    with pytest.raises(EmbeddedError, match=r"cannot make /.*/closed/data a link .*Read-only.* RELAY_DATA_DIR=/"):
        make_reachable(closed / "data", closed / "elsewhere")


@needs_root
async def test_data_that_the_system_user_cannot_reach_any_more_is_not_left_behind(
    closed: Path, reachable_directory: Path, make_server: Any
) -> None:
    data = closed / "data"
    (data / "postgres" / "cluster").mkdir(parents=True)
    (data / "postgres" / "cluster" / "PG_VERSION").write_text("18")
    os.chown(data / "postgres" / "cluster", find_account().server_uid, -1)
    make_reachable(data, reachable_directory / "elsewhere")
    assert not data.is_symlink()
    assert not (reachable_directory / "elsewhere").exists()
    with pytest.raises(EmbeddedError, match=r"cannot enter .* with what is there already"):
        await make_server(data / "postgres").start()


def test_data_that_can_be_reached_stays_where_it_is(reachable_directory: Path) -> None:
    make_reachable(reachable_directory / "data", reachable_directory / "elsewhere")
    assert list(reachable_directory.iterdir()) == []


def test_who_is_not_root_keeps_data_wherever_they_are(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    make_reachable(closed / "data", closed / "elsewhere")
    assert list(closed.iterdir()) == []


@needs_root
async def test_the_server_does_not_run_as_root(shared_data: Path, make_server: Any) -> None:
    server = make_server(shared_data)
    await server.start()
    account = find_account()
    for pid in server.pids():
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except FileNotFoundError:
            # A worker of the start, which has done its work.
            assert pid != server.pids()[0]
            continue
        assert f"Uid:\t{account.uid}\t{account.uid}\t{account.uid}\t{account.uid}\n" in status
        assert "Groups:\t \n" in status


@needs_root
async def test_a_cluster_made_by_another_user_is_refused_and_left_as_it_was(
    data: Path, make_server: Any, stranger: Account
) -> None:
    server = make_server(data)
    await server.start()
    await server.stop()
    for path in (data, data / "cluster"):
        stranger.hand_over(path, 0o700)
    with pytest.raises(EmbeddedError, match=r"belongs to user id \d+.*Run the relay as the user who made it"):
        await server.start()
    assert [path.stat().st_uid for path in (data, data / "cluster")] == [stranger.uid, stranger.uid]
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
