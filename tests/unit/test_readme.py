"""Every test that README.md names as the proof of a claim is there."""

import ast
import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_NAMED = re.compile(r"\[`(test_[a-z0-9_]+)`\]\((tests/[a-z0-9_/]+\.py)\)")
_CLAIMS = _NAMED.findall((_ROOT / "README.md").read_text(encoding="utf-8"))


def test_some_claims_name_their_tests() -> None:
    assert len(_CLAIMS) >= 5


@pytest.mark.parametrize(("name", "file"), _CLAIMS)
def test_the_test_of_a_claim_exists(name: str, file: str) -> None:
    tree = ast.parse((_ROOT / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
