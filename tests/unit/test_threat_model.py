"""Every "cannot" of docs/threat-model.md names a test that exists, and every test it names is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_DOCUMENT = (_ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")
_TEST = re.compile(r"`(tests/[a-z0-9_/]+\.py)::(test_[a-z0-9_]+)`")
_ADVERSARIES = {
    "An employer, or anybody with suspects",
    "The disk: database, WAL, logs, configuration",
    "The running machine: its memory, or a process that is killed",
    "A hostile operator",
    "A network observer",
    "Another member of the ring",
    "A spammer",
}


def list_items(text: str) -> list[str]:
    """Return the items of the list that a text begins with, each with the lines that belong to it."""
    items: list[str] = []
    for line in text.strip("\n").split("\n"):
        if line.startswith("- "):
            items.append(line)
        elif line.startswith("  ") and items:
            items[-1] += f"\n{line}"
        elif line:
            break
    return items


def read_claims(document: str) -> dict[str, dict[str, list[str]]]:
    """Return what each adversary can and cannot do, by heading."""
    claims = {}
    for section in re.split(r"(?m)^##+ ", document)[1:]:
        title, _, body = section.partition("\n")
        parts = re.split(r"(?m)^\*\*(Can|Cannot)\*\*$", body)
        if len(parts) > 1:
            claims[title] = {name: list_items(text) for name, text in zip(parts[1::2], parts[2::2], strict=True)}
    return claims


_CLAIMS = read_claims(_DOCUMENT)
_CANNOT = [item for lists in _CLAIMS.values() for item in lists["Cannot"]]


@cache
def list_tests(file: str) -> set[str]:
    tree = ast.parse((_ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_adversary_has_both_lists() -> None:
    assert _CLAIMS.keys() == _ADVERSARIES
    assert all(lists.keys() == {"Can", "Cannot"} and all(lists.values()) for lists in _CLAIMS.values())


@pytest.mark.parametrize("item", _CANNOT, ids=lambda item: item[2:60])
def test_every_cannot_names_a_test(item: str) -> None:
    assert _TEST.search(item)


@pytest.mark.parametrize(("file", "name"), sorted(set(_TEST.findall(_DOCUMENT))))
def test_every_test_that_is_named_exists(file: str, name: str) -> None:
    assert (_ROOT / file).is_file()
    assert name in list_tests(file)


def test_no_mention_of_a_test_escapes_the_check() -> None:
    assert len(re.findall(r"::", _DOCUMENT)) == len(_TEST.findall(_DOCUMENT))


def test_a_claim_without_a_test_would_be_found() -> None:
    claims = read_claims("## A\n\n**Can**\n\n- x\n\n**Cannot**\n\n- y\n  on two lines\n- z `tests/a.py::test_b`\n")
    assert claims == {"A": {"Can": ["- x"], "Cannot": ["- y\n  on two lines", "- z `tests/a.py::test_b`"]}}
    assert [bool(_TEST.search(item)) for item in claims["A"]["Cannot"]] == [False, True]
