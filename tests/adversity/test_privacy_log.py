"""The log repeats nothing: canaries go through every failure path, with every logger of Python turned up."""

import ast
import asyncio
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from relay.log import FIELDS, Log, LogEvent
from relay.postgres.embedded.cluster import SUPERUSER
from tests.support.client import TIMEOUT_S, Client, to_json
from tests.support.events import KEYS, make_event, make_ring_note, pubkey_of
from tests.support.processes import REPOSITORY, ServeProcess, serve, started
from tests.support.relays import to_database_url
from tests.support.time_factor import scaled

# Everything that a logger, a debug mode or a warning could print goes to standard error.
_LOUD = """
import logging, sys, warnings
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, force=True)
warnings.simplefilter("always")
"""
_LINE = re.compile(r"event='([a-z_]+)'((?: [a-z]+=(?:'[^']*'|\"[^\"]*\"|[0-9.]+))*)")


def _check_lines(text: str) -> list[str]:
    """Return the events of log lines; every line must be made of the closed lists alone."""
    events = []
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        assert match, line
        assert match[1] in set(LogEvent), line
        assert set(re.findall(r" ([a-z]+)=", match[2])) <= FIELDS, line
        events.append(match[1])
    return events


@pytest.fixture
async def loud(reachable_directory: Path) -> AsyncIterator[ServeProcess]:
    variables = {"PYTHONASYNCIODEBUG": "1", "PYTHONDEVMODE": "1"}
    async with serve(reachable_directory, prelude=_LOUD, variables=variables) as served:
        yield served
        await served.stop()


async def test_no_failure_path_writes_anything_of_what_clients_send(loud: ServeProcess) -> None:
    note = make_ring_note("canary-content", scope="canary-scope", tags=(("t", "canary-tag"),))
    async with Client(loud.url, additional_headers={"X-Canary": "canary-header"}) as client:
        assert (await client.publish(note))[0]
        await _send_refused(client)
    for frame in (b"\xff canary-not-utf8", b"canary" * 60_000):
        await _break_protocol(loud, frame)
    # Faults that the server explains with the row, the key or the statement.
    for broken in (
        "ALTER TABLE notes ADD CONSTRAINT c CHECK (kind <> 1) NOT VALID",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'canary %', new USING DETAIL = new.event::text; END $$; "
        "CREATE TRIGGER c BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION f()",
        "ALTER TABLE notes DROP COLUMN event CASCADE",
        "DROP TABLE notes CASCADE",
    ):
        await _administer(loud, broken)
        await _use(loud, is_answered="DROP TABLE" not in broken)
    await loud.stop()
    log = loud.log + loud.printed.partition(b"first note")[2].decode() + loud.postgres_log
    assert "canary" not in log
    for secret in (
        note.id,
        note.pubkey,
        note.sig,
        pubkey_of(KEYS[2]),
        next(tag[1] for tag in note.tags if tag[0] == "J"),
    ):
        assert secret not in log
    events = _check_lines(loud.log)
    # The faults did happen, and were logged as class and place.
    assert re.search(r"error='UndefinedTableError' where='[a-z_]+\.py:\d+'", loud.log)
    assert "internal_error" in events


async def _send_refused(client: Client) -> None:
    for event in (
        make_event(content="canary-plain"),
        {**to_json(make_event(kind=0)), "sig": "ca" * 64},
        {"id": "canary-id", "content": ["canary"]},
        make_event(tags=(("-",), ("canary", "canary"))),
    ):
        assert not (await client.publish(event))[0]
    for frame in ("canary", '["canary-verb"]', b"canary-binary", '["CLOSE", {"canary": 1}]', '["REQ", "canary'):
        await client.send_raw(frame)
        await client.next("NOTICE")
    for filter_ in ({"canary-field": 1}, {"ids": ["canary-id"]}, {"#e": ["canary"]}, {"search": "canary"}):
        for verb in ("REQ", "COUNT"):
            await client.send(verb, "canary-sub", filter_)
            await client.next("CLOSED")


async def _use(served: ServeProcess, *, is_answered: bool) -> None:
    """Use every handler once. Whether an EVENT is answered when nothing is left is another test's question."""
    async with Client(served.url) as client:
        await client.send("EVENT", make_ring_note("canary-content", scope="canary-scope"))
        await client.send("REQ", "canary-sub", {"#t": ["canary-tag"]})
        await client.send("COUNT", "canary-count", {"authors": [pubkey_of(KEYS[2])]})
        waiting = {"EVENT", "canary-sub", "canary-count"} if is_answered else {"canary-sub", "canary-count"}
        while waiting:
            message = await client.receive()
            if message[0] in ("EOSE", "CLOSED", "COUNT"):
                waiting.discard(message[1])
            elif message[0] == "OK":
                waiting.discard("EVENT")


async def _break_protocol(served: ServeProcess, payload: bytes) -> None:
    async with Client(served.url) as client:
        await client.websocket.send(payload, text=True)
        await client.websocket.wait_closed()


async def _administer(served: ServeProcess, statement: str) -> None:
    connection = await asyncpg.connect(**served.connect_arguments(SUPERUSER))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_an_event_that_meets_a_fault_of_the_database_is_answered_and_leaves_no_text(
    loud: ServeProcess,
) -> None:
    await _administer(loud, "DROP TABLE notes CASCADE")
    async with Client(loud.url) as client:
        async with asyncio.timeout(scaled(5)):
            accepted, text = await client.publish(make_ring_note("canary"))
    assert not accepted
    assert text.startswith("error: ")
    await loud.stop()
    assert "canary" not in loud.log
    _check_lines(loud.log)


async def _refuse_to_start(directory: Path, **settings: str) -> str:
    """Return what a relay prints that cannot start."""
    async with started(ServeProcess(directory, prelude=_LOUD, variables={}, **settings)) as relay:
        assert relay.process.stdout is not None
        async with asyncio.timeout(TIMEOUT_S):
            printed = await relay.process.stdout.read()
        assert await relay.wait_for_end()
    return printed.decode() + relay.log


@pytest.mark.parametrize(
    "settings",
    [
        {"DATABASE__URL": "mysql://canary-user:canary-password@canary-host/canary"},
        {"DATABASE__URL": "postgresql://canary-user:canary-password@127.0.0.1:canaryport/canary"},
        {"DATABASE__URL": "postgresql://canary-user:canary-password@127.0.0.1/canary?sslmode=canary"},
        {"SERVER__PORT": "canary"},
        {"SERVER__TRUSTED_PROXIES": '["canary"]'},
        {"SERVER__TRUSTED_PROXIES": "canary"},
        {"ACCEPT__PLAIN_KINDS": "canary"},
        {"INFO__PUBKEY": "canary"},
        {"LIMITS__MAX_TAGS": "canary"},
    ],
    ids=lambda settings: " ".join(f"{name}={value}" for name, value in settings.items()),
)
async def test_a_bad_setting_is_named_and_its_value_is_not_repeated(tmp_path: Path, settings: dict[str, str]) -> None:
    printed = await _refuse_to_start(tmp_path, **settings)
    assert all(name in printed or name.lower().replace("__", ".") in printed for name in settings)
    assert "Traceback" not in printed
    assert "canary" not in printed


async def test_what_a_database_says_when_it_refuses_is_not_repeated(tmp_path: Path, postgres_server18: Any) -> None:
    url = to_database_url({**postgres_server18.relay, "database": "canary_database"})
    # It says: database "canary_database" does not exist.
    printed = await _refuse_to_start(tmp_path, DATABASE__URL=url)
    assert "InvalidCatalogNameError" in printed
    assert "canary" not in printed


async def test_a_fault_in_a_migrated_schema_is_reported_without_the_row(
    tmp_path: Path, postgres_server18: Any, database18: dict[str, Any]
) -> None:
    connection = await asyncpg.connect(**database18)
    try:
        await connection.execute("TRUNCATE schema_migrations; DROP TABLE tags; ALTER TABLE notes RENAME TO canary")
    finally:
        await connection.close()
    printed = await _refuse_to_start(tmp_path, DATABASE__URL=to_database_url(database18))
    assert "migration" in printed
    assert "canary" not in printed


@pytest.mark.parametrize(
    "crash",
    [
        "raise ValueError('canary')",
        "raise ExceptionGroup('canary', [ValueError('canary')])",
        "raise ValueError('canary') from KeyError('canary')",
        "import threading; t = threading.Thread(target=lambda: {}['canary']); t.start(); t.join()",
        "class C:\n    def __del__(self): raise ValueError('canary')\nC()",
        "import atexit; atexit.register(lambda: {}['canary'])",
        "async def f(): raise ValueError('canary')\nuvloop.run(f())",
        "async def g(): raise ValueError('canary')\n"
        "async def f():\n    asyncio.get_running_loop().set_exception_handler(log.write_loop_error)\n"
        "    t = asyncio.create_task(g()); await asyncio.wait([t]); del t; import gc; gc.collect()\nuvloop.run(f())",
        "async def f():\n    asyncio.get_running_loop().set_exception_handler(log.write_loop_error)\n"
        "    asyncio.get_running_loop().call_soon(lambda: {}['canary']); await asyncio.sleep(0)\nuvloop.run(f())",
    ],
)
def test_what_nobody_catches_is_printed_without_its_text(tmp_path: Path, crash: str) -> None:
    script = f"{_LOUD}\nimport asyncio, uvloop\nfrom relay.log import Log, silence_libraries\n"
    script += f"log = Log()\nsilence_libraries()\nlog.log_unhandled_errors()\n{crash}\n"
    done = _run_python(tmp_path, script)
    assert "canary" not in done.stderr + done.stdout
    assert _check_lines(done.stderr)[0] == "internal_error"


def _log_by(directory: Path, setup: str, *names: str) -> str:
    """Return what stands on standard error when loggers of these names log an error."""
    script = f"{setup}\nimport logging\nfrom relay.log import silence_libraries\nsilence_libraries()\n"
    script += f"for name in {names!r}:\n    logging.getLogger(name).error(name, exc_info=ValueError('canary'))\n"
    done = _run_python(directory, script)
    assert done.returncode == 0
    return done.stderr


def _run_python(directory: Path, script: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("setup", [_LOUD, ""], ids=["with a root handler at DEBUG", "as Python starts"])
def test_the_libraries_of_the_relay_log_nothing(tmp_path: Path, setup: str) -> None:
    servers = (
        "websockets",
        "websockets.server",
        "websockets.client",
        "aiohttp.server",
        "aiohttp.access",
        "aiohttp.web",
    )
    assert _log_by(tmp_path, setup, *servers, "asyncio", "asyncpg", "asyncpg.pool") == ""


@pytest.mark.parametrize("name", ["concurrent.futures", "stamina", "a.library.added.later"])
@pytest.mark.parametrize("setup", [_LOUD, ""], ids=["with a root handler at DEBUG", "as Python starts"])
def test_a_library_that_nobody_thought_of_logs_nothing(tmp_path: Path, setup: str, name: str) -> None:
    assert _log_by(tmp_path, setup, name) == ""


def test_an_exception_is_written_as_its_class_and_place() -> None:
    stream = io.StringIO()
    try:
        canary = "canary-local"
        json.loads(canary)
    except ValueError as error:
        error.add_note("canary-note")
        Log(stream).write_error(LogEvent.INTERNAL_ERROR, ExceptionGroup("canary-group", [error]))
    assert re.fullmatch(r"event='internal_error' error='JSONDecodeError' where='[a-z_]+\.py:\d+'\n", stream.getvalue())


def test_a_field_that_is_not_on_the_list_is_refused_and_nothing_is_written() -> None:
    stream = io.StringIO()
    with pytest.raises(ValueError, match="closed list") as refused:
        Log(stream).write(LogEvent.STOPPED, pubkey="canary")
    assert stream.getvalue() == ""
    assert "canary" not in str(refused.value)


def test_every_line_that_is_written_names_an_event_of_the_list() -> None:
    names = set()
    for file in (REPOSITORY / "relay").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and re.search(r"\blog\.write(_error)?$", ast.unparse(node.func)):
                names.add(ast.unparse(node.args[0]))
    assert names
    assert names <= {f"LogEvent.{event.name}" for event in LogEvent}
