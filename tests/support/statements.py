"""The SQL statements of the relay: those that stand in its source, those that are sent, and what Postgres plans for them."""

import ast
import importlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import asyncpg
import asyncpg.connection

import relay

_SOURCE = Path(relay.__file__).parent
# Methods of a connection, a pool or a reader, and what a reader is given.
_CALLS = frozenset(
    {"fetch", "fetchrow", "fetchval", "fetchmany", "execute", "executemany", "prepare", "cursor", "Query"}
)
# Others are not planned: they change settings or tables, or begin and end something.
_PLANNED = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH|MERGE)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Literal:
    """A statement in the source. `text` is None where a part of it is only known when it is sent; `pattern` matches that."""

    place: str
    text: str | None
    pattern: re.Pattern[str]


@dataclass
class Source:
    """The literals, and the places at which something is sent that is no literal."""

    literals: list[Literal] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def read_source() -> Source:
    """Read all of the relay's source."""
    source = Source()
    for path in sorted(_SOURCE.rglob("*.py")):
        text = path.read_text()
        if not any(f"{call}(" in text for call in _CALLS) or path.name == "__main__.py":
            continue
        name = ".".join(("relay", *path.relative_to(_SOURCE).with_suffix("").parts)).removesuffix(".__init__")
        module = importlib.import_module(name)
        # Constants that are statements are sent by one name or another.
        for constant, value in vars(module).items():
            if constant.isupper() and isinstance(value, str) and is_planned(value):
                source.literals.append(Literal(f"{path.name}: {constant}", value, re.compile(re.escape(value))))
        for call in ast.walk(ast.parse(text)):
            if isinstance(call, ast.Call) and _find_name(call.func) in _CALLS and call.args:
                place = f"{path.relative_to(_SOURCE)}: {ast.unparse(call.args[0])[:60]}"
                _read_argument(place, call.args[0], module, source)
    return source


def _find_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _read_argument(place: str, node: ast.expr, module: ModuleType, source: Source) -> None:
    text = None
    if not any(isinstance(part, ast.Call | ast.Starred) for part in ast.walk(node)):
        # What it is made of are constants of its module, or it is only known when it is sent.
        with suppress(NameError):
            text = eval(compile(ast.Expression(node), "statement", "eval"), vars(module))
    if isinstance(text, str):
        source.literals.append(Literal(place, text, re.compile(re.escape(text))))
    elif isinstance(node, ast.JoinedStr):
        parts = [re.escape(str(part.value)) if isinstance(part, ast.Constant) else ".*" for part in node.values]
        source.literals.append(Literal(place, None, re.compile("".join(parts), re.DOTALL)))
    elif not (isinstance(node, ast.Call) and _find_name(node.func).startswith("build_")):
        # What builds a Query hands a literal to it.
        source.unread.append(place)


@contextmanager
def recording() -> Iterator[set[str]]:
    """Give the texts of all statements that connections send which are opened meanwhile."""
    seen: set[str] = set()
    connect = asyncpg.connection.connect

    async def connect_and_listen(*args: Any, **kwargs: Any) -> asyncpg.Connection:
        connection = await connect(*args, **kwargs)
        connection.add_query_logger(lambda sent: seen.add(sent.query))
        return connection

    prepare = asyncpg.Connection.prepare

    async def prepare_and_tell(connection: asyncpg.Connection, query: str, **kwargs: Any) -> Any:
        seen.add(query)
        return await prepare(connection, query, **kwargs)

    # Pools look it up here when they are made, all others in the package. Of what is prepared no logger hears.
    asyncpg.connection.connect = asyncpg.connect = connect_and_listen
    asyncpg.Connection.prepare = prepare_and_tell
    try:
        yield seen
    finally:
        asyncpg.connection.connect = asyncpg.connect = connect
        asyncpg.Connection.prepare = prepare


def is_planned(text: str) -> bool:
    """Return whether Postgres plans a statement. What a pool of asyncpg's own resets a session with is several."""
    return _PLANNED.match(text) is not None and "RESET ALL" not in text


async def find_scans(connection: asyncpg.Connection, text: str, bounded: frozenset[str]) -> list[str]:
    """Return what a statement's plan for any arguments reads whole: tables, or indexes, of which it names no part.

    `bounded` are names of tables and indexes that do not grow.

    What stops after some rows (LIMIT) does not, if nothing between would collect or drop rows.
    """
    places = max((int(place) for place in re.findall(r"\$(\d+)", text)), default=0)
    await connection.execute(f"PREPARE statement AS {text}")
    try:
        arguments = f"({', '.join(['NULL'] * places)})" if places else ""
        plan = json.loads(await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE statement{arguments}"))[0]["Plan"]
    finally:
        await connection.execute("DEALLOCATE statement")
    return [
        f"{kind} of {name}"
        for kind, table, name in _walk_plan(plan, is_limited=False)
        if not bounded.intersection((table, name)) and not table.startswith("pg_")
    ]


def _walk_plan(node: dict[str, Any], *, is_limited: bool) -> Iterator[tuple[str, str, str]]:
    kind, table = node["Node Type"], node.get("Relation Name", "")
    if kind == "Seq Scan" and not (is_limited and "Filter" not in node):
        yield kind, table, table
    if kind in ("Index Scan", "Index Only Scan") and "Index Cond" not in node and not is_limited:
        yield kind, table, node["Index Name"]
    collects = kind in ("Sort", "Aggregate", "Hash", "WindowAgg", "Unique", "ModifyTable")
    for part in node.get("Plans", []):
        yield from _walk_plan(part, is_limited=kind == "Limit" or (is_limited and not collects))
