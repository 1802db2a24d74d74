"""Mutants: a file's source with one small fault in it. Knows neither tests nor how to run them.

The faults in Python are cosmic-ray's: another operator, number, condition or exception. It reads no SQL; faults in SQL are here.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

Position = tuple[int, int]

_STATEMENT = re.compile(r"\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b")
_SQL_FAULTS = [
    (r" <= ", " < "),
    (r" < ", " <= "),
    (r" >= ", " > "),
    (r" > ", " >= "),
    (r" <> ", " = "),
    (r"\bAND\b", "OR"),
    (r"\bOR\b", "AND"),
    (r"\bNOT EXISTS\b", "EXISTS"),
    (r"\bIS NULL\b", "IS NOT NULL"),
    (r"\bIS NOT NULL\b", "IS NULL"),
    (r"\bIN \('\w+', ", "IN ("),
    (r", '\w+'\)", ")"),
]
# Elsewhere it gives a value to a column.
_SQL_FAULTS_BEHIND_WHERE = [(r" = ", " <> ")]


@dataclass(frozen=True)
class Mutant:
    """One fault: in which file and line it is, what it does there, and how the source is made that has it."""

    path: str
    line: int
    fault: str
    make_source: Callable[[], str | None]


def list_mutants(root: Path, path: str) -> Iterator[Mutant]:
    """Return every mutant of a file, always in the same order."""
    source = (root / path).read_text(encoding="utf-8")
    tree = ast.parse(source)
    skipped = list(_find_spans_without_effect(tree))
    nodes = list(ast_nodes(get_ast(source)))
    for name in sorted(operator_names()):
        kind = get_operator(name)
        # Those with arguments replace variables by others, and would outnumber all the rest.
        if not kind.arguments():
            for occurrence, (start, _) in enumerate(_find_positions(kind(), nodes)):
                if not any(begin <= start < end for begin, end in skipped):
                    fault = name.removeprefix("core/")
                    yield Mutant(path, start[0], fault, partial(_mutate_python, source, kind(), occurrence))
    yield from _list_sql_mutants(path, source, tree)


def _find_positions(operator: Any, nodes: list[Any]) -> Iterator[tuple[Position, Position]]:
    for node in nodes:
        yield from operator.mutation_positions(node)


def _mutate_python(source: str, operator: Any, occurrence: int) -> str | None:
    """Return the source with the fault, None where there is no such mutant after all."""
    try:
        mutated: str | None = mutate_code(source, operator, occurrence)
    except AttributeError:
        # cosmic-ray 8.7 cannot replace an exception whose name has a dot.
        return None
    return mutated


def _find_spans_without_effect(tree: ast.Module) -> Iterator[tuple[Position, Position]]:
    """Find what changes nothing that a test could see: annotations, and the options of classes."""
    for node in ast.walk(tree):
        parts: list[ast.expr | None] = []
        if isinstance(node, ast.arg | ast.AnnAssign):
            parts.append(node.annotation)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            parts.append(node.returns)
        elif isinstance(node, ast.ClassDef):
            options = [call.keywords for call in node.decorator_list if isinstance(call, ast.Call)]
            parts += [option.value for group in (node.keywords, *options) for option in group]
        for part in parts:
            if part is not None:
                yield _find_span(part)


def _list_sql_mutants(path: str, source: str, tree: ast.Module) -> Iterator[Mutant]:
    """Return the mutants of the texts that are SQL; not of f-strings, whose parts have no place of their own in Python 3.11."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    formatted = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or node in formatted | docstrings or not isinstance(node.value, str):
            continue
        if _STATEMENT.search(node.value):
            # Columns are counted in bytes, and lines of SQL are ASCII.
            start, end = (starts[line - 1] + column for line, column in _find_span(node))
            for place, length, text in _list_sql_faults(source[start:end]):
                was = source[start + place : start + place + length]
                mutated = source[: start + place] + text + source[start + place + length :]
                line_number = source.count("\n", 0, start + place) + 1
                yield Mutant(path, line_number, f"SQL: {was.strip()} -> {text.strip()}", partial(str, mutated))


def _list_sql_faults(sql: str) -> Iterator[tuple[int, int, str]]:
    """Return where each fault is, the length of what it replaces, and by what."""
    conditions = sql.find("WHERE")
    for pattern, text in _SQL_FAULTS + _SQL_FAULTS_BEHIND_WHERE:
        for found in re.finditer(pattern, sql):
            if (pattern, text) in _SQL_FAULTS or -1 < conditions < found.start():
                yield found.start(), len(found[0]), text


def _find_span(node: ast.expr) -> tuple[Position, Position]:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
