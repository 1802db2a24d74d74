"""Every refusal in the code is in the table, is given as the table says, and says what to do.

It repeats nothing of what was sent, but for the plain name of a tag, and a few characters of a text that cannot be read.
"""

import ast
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from tests.refusals.case import Case, Elsewhere, Message, Request, Variant, Way, list_filled_in, to_pattern
from tests.refusals.find import UnclearRefusal, find_in, find_refusals
from tests.refusals.table import CASES
from tests.refusals.write import DOCUMENT, TABLE_TEST, render
from tests.support.client import Client
from tests.support.raw import exchange, port_of
from tests.support.relays import relay_on

_ROOT = Path(__file__).resolve().parents[2]
_FAST = {"events_per_s": 1e6, "reqs_per_s": 1e6}
# Beside those of a case; small enough that a limit is crossed quickly.
_SETTINGS: dict[str, dict[str, Any]] = {
    "limits": {**_FAST, "max_content_chars": 10_000, "max_tags": 100, "max_age_s": 900_000},
    "ring": {"min_size": 4, "min_size_linkable": 4},
}
_WAYS: dict[str, tuple[Case, Way]] = {
    name: (case, way) for case in CASES if not isinstance(case.ways, Elsewhere) for name, way in case.ways.items()
}
_ELSEWHERE = [case for case in CASES if isinstance(case.ways, Elsewhere)]
# It comes with OK true, so that nothing is left to do.
_NO_REFUSAL = "duplicate: already have this event"
# Besides settings, a text may name these, each out of a closed list.
_CLOSED_LISTS = {
    "verbs",  # those of relay/handlers/verbs.py
    "max_form_bytes",  # three times limits.max_message_bytes, and what is around the note
    "max_size",  # ring.max_size or ring.max_size_message_forms
    "_MAX_LINES",  # of a text with its ring signature
    "MAX_RING",  # what a ringA text can count
    "MAX_ELEMENTS",  # of the tags of a note whose ring signed the words only
    "tag",  # of such a note: the name that was sent, if it is plain and short
    "required_bits",  # pow_bits of the tier, or what the ring costs
    "verb",  # EVENT or AUTH
    "key",  # of a search
    "name",  # ids, authors, #e, #p, since, until or limit
    "letter",  # of a tag filter, a-z
    "member",  # of an event
}


@pytest.mark.parametrize("name", _WAYS)
async def test_a_refusal_is_given_as_the_table_says(database18: dict[str, Any], name: str) -> None:
    case, way = _WAYS[name]
    sections = {**_SETTINGS, **case.settings}
    for part in _SETTINGS.keys() & case.settings.keys():
        sections[part] = {**_SETTINGS[part], **case.settings[part]}
    async with relay_on(database18, **sections) as url:
        # Twice everything: another author, other texts, other ids, another time.
        texts = [await _provoke(url, way(Variant(number))) for number in (0, 1)]
    if case.quotes:
        texts = [_cut_quotation(text) for text in texts]
    assert to_pattern(case.text).fullmatch(texts[0]), texts[0]
    assert texts[0] == texts[1]
    _check_constant(texts[0])


def _cut_quotation(text: str) -> str:
    """Return a refusal without what was found in the note, which is short, in one line, and holds no key."""
    text, _, found = text.partition(" (found: ")
    assert found.endswith(")")
    assert len(found) <= 160
    assert found.isprintable()
    assert not re.search(r"[0-9A-Za-z]{20}", found)
    return text


async def _provoke(url: str, messages: Message | tuple[Message, ...]) -> str:
    """Send one message after another on one connection, and return the text of the last one's answer."""
    if isinstance(messages, Request):
        response = await exchange(port_of(url), f"{messages.text}Host: x\r\n\r\n".encode())
        assert response.startswith(b"HTTP/1.1 4")
        return response.partition(b"\r\n\r\n")[2].decode().rstrip("\n")
    answer: list[Any] = []
    async with Client(url) as client:
        for message in messages if isinstance(messages, tuple) else (messages,):
            if isinstance(message, str | bytes):
                await client.send_raw(message)
            elif isinstance(message, list):
                await client.send(*message)
            else:
                await client.send("EVENT", message)
            answer = await client.receive()
    assert answer[0] in ("OK", "CLOSED", "NEG-ERR", "NOTICE"), answer
    assert answer[2] is (answer[3] == _NO_REFUSAL) if answer[0] == "OK" else len(answer) <= 3
    text: str = answer[-1]
    return text


def _check_constant(text: str) -> None:
    assert "canary" not in text
    assert version("ringrelay") not in text
    # No key, id or time, no traceback and no library: longer numbers than any limit of ours, hex, dotted numbers, Names.
    assert not re.search(r"[0-9]{7}|[0-9a-f]{16}|\d\.\d+\.|Error|Exception|line \d|asyncpg|msgspec", text)


def test_every_refusal_in_the_code_is_in_the_table_and_no_other() -> None:
    found = find_refusals()
    told = [case.text for case in CASES]
    missing = {text: file for text, file in found.items() if text not in told}
    assert missing == {}, "add a case to tests/refusals/ for each, then run `python -m tests.refusals.write`"
    assert [text for text in told if text not in found] == [], "these are no longer in relay/: remove their cases"
    assert len(set(told)) == len(told)


def test_the_page_is_what_the_table_says() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render(), "run `python -m tests.refusals.write`"


def test_no_two_provocations_share_a_name() -> None:
    assert sum(len(case.ways) for case in CASES if not isinstance(case.ways, Elsewhere)) == len(_WAYS)
    assert TABLE_TEST.endswith(f"::{test_a_refusal_is_given_as_the_table_says.__name__}")


@pytest.mark.parametrize("case", _ELSEWHERE, ids=lambda case: case.text[:40])
def test_a_refusal_that_another_test_provokes_is_asserted_there(case: Case) -> None:
    assert isinstance(case.ways, Elsewhere)
    file, _, name = case.ways.test.partition("::")
    tree = ast.parse((_ROOT / file).read_text(encoding="utf-8"))
    functions = [
        node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name
    ]
    assert len(functions) == 1, case.ways.test
    constants = (node.value for node in ast.walk(functions[0]) if isinstance(node, ast.Constant))
    texts = {value for value in constants if isinstance(value, str)}
    asserted = case.ways.asserts or next(text for text in texts if to_pattern(case.text).fullmatch(text))
    assert asserted in texts
    assert asserted in case.text or to_pattern(case.text).fullmatch(asserted)


@pytest.mark.parametrize("text", [case.text for case in CASES if case.text != _NO_REFUSAL])
def test_a_refusal_says_what_to_do(text: str) -> None:
    """Look for a remedy behind the fault, or for a text that is itself an instruction or a rule to keep."""
    reason = re.sub(r"^[a-z-]+: ", "", text)
    assert re.search(r"[;:,] \S|\b(required|must|takes|at most|needed|need no)\b|^(send|use) ", reason)


@pytest.mark.parametrize("text", [case.text for case in CASES])
def test_a_refusal_is_a_constant_or_names_a_setting(text: str) -> None:
    names = {
        name for name in list_filled_in(text) if not re.fullmatch(r"(limits|ring|tier|invoices|privacy)\.[a-z_]+", name)
    }
    assert names <= _CLOSED_LISTS
    # All else in braces would be an expression, and could repeat what was sent.
    assert set(re.findall(r"\{([^{}]+)\}", text)) == set(list_filled_in(text))


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ('raise Rejected(Prefix.POW, "a; b")', {"pow: a; b"}),
        ('raise Rejected(Prefix.POW, f"at most {self._limits.max_tags:g}")', {"pow: at most {limits.max_tags}"}),
        ('_TEXT = "a"\nraise Malformed(Prefix.POW, _TEXT)', {"pow: a"}),
        ('def no(why):\n    raise Rejected(Prefix.POW, why)\nno("a")\nno(why="b")', {"pow: a", "pow: b"}),
        ('def say():\n    return "a"\nraise Rejected(Prefix.POW, say())', {"pow: a"}),
        ('raise Rejected(Prefix.POW, "a" if x else "b")', {"pow: a", "pow: b"}),
        ('NO = "blocked: a"', {"blocked: a"}),
        ("raise Rejected(old.prefix, old.reason)", set()),
        ('refuse(HTTPStatus.NOT_FOUND, "a")\nrefuse(HTTPStatus.OK, "b")', {"a"}),
    ],
)
def test_a_refusal_is_found_however_it_is_written(source: str, texts: set[str]) -> None:
    assert find_in(ast.parse(source)) == texts


@pytest.mark.parametrize(
    "source",
    [
        "raise Rejected(Prefix.POW, words[0])",
        'raise Rejected(prefix=Prefix.POW, reason="a")',
        "def no(why):\n    raise Rejected(Prefix.POW, why)",
        'raise Rejected(chosen, "a")',
    ],
)
def test_a_refusal_whose_text_cannot_be_found_is_an_error(source: str) -> None:
    with pytest.raises(UnclearRefusal):
        find_in(ast.parse(source))
