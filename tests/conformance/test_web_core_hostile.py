"""Hostile input for the verifier of the relay's pages: it reads the events that the relay reads, and long texts in no time."""

import json

import msgspec
import pytest

from relay.protocol.event import decode_event
from tests.conformance.notes import npub_of
from tests.conformance.pasting import NPUBS, SIG, WORDS, post
from tests.conformance.web_core import NOT_TESTED, WEB, ask
from tests.support import npm
from tests.support.time_factor import scaled

EVENT = {
    "id": '"' + "a" * 64 + '"',
    "pubkey": '"' + "b" * 64 + '"',
    "created_at": "1",
    "kind": "1",
    "tags": "[]",
    "content": '"x"',
    "sig": '"' + "c" * 128 + '"',
}
# Spellings of its members, and of one more, that some parsers take and others do not. Each is one line of values.
SPELLINGS = {
    "created_at": r"""1.0 1e0 -0 0 -1 01 1.5 1E400 true "1" null 9007199254740991 9007199254740992 9007199254740991.0 1e15""",
    "kind": "65535 65536 1.0 1e2 null 1E0 -0.0 +1 0x1",
    "content": r'''"\ud800" "\udc00" "\ud83d\ude00" "\ude00\ud83d" "\ud83d,\ude00" "\u0000" "\/" "\x" null 1 "\\ud800" "\u00AF"''',
    "tags": r'[[]] [["a"]] [["a",1]] [["a",null]] [["\ud800"]] {} [{}] ["a"] [["a"],[]] [["a"],] [["\uD83D\uDE00"]]',
    "id": f'"{"a" * 63}" "{"a" * 65}" "{"A" * 64}" "{"g" * 64}" "{"a" * 64}\\n" "{chr(0xFF41) * 64}"',
    "sig": f'"{"c" * 127}" "{"c" * 64}" null',
    "x": r'1 "\ud800" [1,{"a":[]}] 01 1e999 NaN { "id" {"kind":2.5} {"a":{"\udfff":1}}' + f" {'[' * 500}{']' * 500}",
    r"\ud800": "1",
    "__proto__": '1 {"kind":2}',
    "constructor": "1",
    "": "1",
}
_FULL = ",".join(f'"{name}":{value}' for name, value in EVENT.items())


@pytest.fixture(scope="module")
def node() -> str:
    return npm.install(WEB, NOT_TESTED)


def list_spellings() -> list[str]:
    """Return texts that some programs read as an event, and some do not."""
    texts = []
    for name, values in SPELLINGS.items():
        for value in values.split(" "):
            members = EVENT | {name: value}
            texts.append("{" + ",".join(f'"{member}":{members[member]}' for member in members) + "}")
    for extra in (
        '"kind":2',
        '"kind":"2"',
        r'"\u006bind":3',
        r'"\u006bind":3.0',
        '"id":5',
        '"tags":[[]]',
        '"kind":2.5',
    ):
        texts += [f"{{{_FULL},{extra}}}", f"{{{extra},{_FULL}}}"]
    texts += ["{" + _FULL.replace(f'"{name}"', '"y"') + "}" for name in EVENT]
    texts += ["{" + _FULL.replace('"x"', f'"a{character}b"') + "}" for character in "\t\n\0\x7f\u2028\u0085"]
    texts += ["", "[]", "1", "null", "{}", f"[{{{_FULL}}}]", f"{{{_FULL}}} x", f"\ufeff{{{_FULL}}}", f"{{{_FULL},}}"]
    return [*texts, f" \t{{{_FULL}}}\r\n", f"\u00a0{{{_FULL}}}", f"\f{{{_FULL}}}"]


def is_event(text: str) -> bool:
    try:
        decode_event(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def test_it_reads_as_events_what_the_relay_reads_as_events(node: str) -> None:
    texts = list_spellings()
    found = ask(node, "web_core.mjs", (["event", text] for text in texts))
    # None of them is signed: what is an event is refused for that, and what is none is not even looked at.
    assert not any(one["valid"] for one in found)
    read = [one.get("isEvent", True) for one in found]
    expected = list(map(is_event, texts))
    assert [text for text, ours, theirs in zip(texts, read, expected, strict=True) if ours != theirs] == []
    assert min(expected.count(True), expected.count(False)) >= 20


OBJECT = {"id": "a" * 64, "pubkey": "b" * 64, "created_at": 1, "kind": 1, "tags": [], "content": "x", "sig": "c" * 128}
VALUES: tuple[object, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    2**53,
    "",
    "x",
    "\ud800",
    [],
    [[]],
    [1],
    [[1]],
    [["a", None]],
    ["a"],
    {},
    {"length": 64},
)


def test_no_object_is_taken_for_a_signed_event_and_none_breaks_it(node: str) -> None:
    objects = [*VALUES, *({**OBJECT, name: value} for name in OBJECT for value in VALUES)]
    objects += [{name: OBJECT[name] for name in OBJECT if name != left_out} for left_out in OBJECT]
    found = ask(node, "web_core.mjs", (["object", one] for one in objects))
    assert [one["reason"] for one in found if one["valid"]] == []
    # What has the shape of an event is refused for its id alone.
    of_an_event = {json.dumps(one) for one, verdict in zip(objects, found, strict=True) if "hash" in verdict["reason"]}
    assert of_an_event == {
        *(json.dumps({**OBJECT, name: 0}) for name in ("created_at", "kind")),
        *(json.dumps({**OBJECT, "content": content}) for content in ("", "x")),
        json.dumps({**OBJECT, "tags": []}),
    }


LENGTH = 60_000
BEFORE = (
    " ",
    "\n",
    "\r",
    "{",
    "[ ",
    "#",
    "* ",
    "> ",
    "*",
    "Message: ",
    '"c0" : ',
    "```\n",
    "- ",
    "ringA",
    "npub1",
    "0",
    "_",
)
BETWEEN = (" ", "\t", "\n", "\r\n", ",", " and", "(", "( ", "Ann ", "a", "\u4e00", "- ", "1. ", "@", '"', "[", "nostr:")
BEHIND = (" ", "\n", "x ", "\n\n", "\n>", "```\n", "\n# ", "=", "\n---", "(Ann) ", "\u200b", "\u00a0 ", ": ", "**")
# A text of that length takes up to 0.05 s of the processor, and a step for each pair of its characters minutes.
CPU_SECONDS = 0.5


def list_long_texts() -> dict[str, str]:
    """Return texts in which a pattern could begin over and over again, or take back what it has read."""
    ring = "Ring:\n" + "\n".join(NPUBS) + "\n\n"
    keys = npub_of(*range(12))

    def repeat(unit: str) -> str:
        return unit * (LENGTH // len(unit))

    return {
        **{f"{unit!r} before": f"{repeat(unit)}\n\n{ring}{SIG}" for unit in BEFORE},
        **{f"{unit!r} between": f"{WORDS}\n\nRing:\n{NPUBS[0]}{repeat(unit)}{NPUBS[1]}\n\n{SIG}" for unit in BETWEEN},
        **{f"{unit!r} behind": post() + repeat(unit) for unit in BEHIND},
        "JSON of many responses without an end": '{"s":["' + '","'.join(["a" * 64] * 800) + '" ' + " " * 5000,
        "a JSON signature that begins often": f'"c0":"{"a" * 64}"{{"s":["{"a" * 64}",' + repeat('{"s":["'),
        "deep JSON": repeat('{"ring_signature":') + "1" + "}" * (LENGTH // 18),
        "JSON of many names": "{" + ",".join(f'"{n}":"\\\\"' for n in range(4000)) + ',"ring_signature":1}',
        "many lists": "".join(f"x {keys[n % 11]}, {keys[n % 11 + 1]}\n" for n in range(450)) + SIG,
        "one list": "".join(f"{n + 1}. {keys[n % 12]}\n" for n in range(900)) + SIG,
    }


@pytest.mark.serial
def test_long_texts_take_time_in_proportion_to_their_length(node: str) -> None:
    texts = list_long_texts()
    found = ask(node, "web_core.mjs", (["text", text] for text in texts.values()), "--wasm")
    spent = {name: one["cpuSeconds"] for name, one in zip(texts, found, strict=True)}
    assert {name: seconds for name, seconds in spent.items() if seconds > scaled(CPU_SECONDS)} == {}
