"""The verifier of the relay's pages against the relay's own and the second one, on vectors, mutations and hostile input."""

import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from relay.protocol.event import decode_event, encode_event
from relay.verify import proof
from tests.conformance import test_conformance
from tests.conformance.draws import draw_note
from tests.conformance.fillings import draw_filled
from tests.conformance.mutations import mutate
from tests.conformance.notes import make_event, npub_of
from tests.conformance.pasting import NPUBS, SIG, WORDS, post
from tests.conformance.test_conformance import (
    PASTED,
    SMALL,
    VECTORS,
    to_event,
    verify_here,
    verify_there,
    without_reason,
)
from tests.conformance.test_pasted_texts import TEXTS, keep_expected
from tests.conformance.web_core import NOT_TESTED, WEB, ask, to_words, verify_events
from tests.support import npm
from tests.support.time_factor import scaled

MUTATIONS = 1000
DRAWS = 300
LEAST_VALID = 150

Json = dict[str, Any]


@pytest.fixture(scope="module")
def node() -> str:
    """Install the packages of the pages' scripts, and give the path of Node; skip where either cannot be had."""
    return npm.install(WEB, NOT_TESTED)


@pytest.fixture(scope="module")
def second(node: str) -> str:
    """Install the second verifier's packages, and give the path of Node."""
    return npm.install(test_conformance.FOLDER, "the second verifier is not tested")


def name_wrong(names: list[str], found: list[Json], expected: list[Json]) -> list[str]:
    return [name for name, ours, theirs in zip(names, found, expected, strict=True) if ours != theirs]


def test_it_finds_in_all_vectors_what_they_say(node: str) -> None:
    found = verify_events(node, list(map(to_event, VECTORS)))
    expected = [without_reason(vector["expected"]) for vector in VECTORS]
    assert name_wrong([vector["name"] for vector in VECTORS], found, expected) == []


def test_it_finds_in_all_pasted_texts_what_their_entries_say(node: str) -> None:
    found = [
        keep_expected(to_words(one))
        for one in ask(node, "web_core.mjs", (["text", entry["text"]] for entry in TEXTS), "--wasm")
    ]
    expected = [keep_expected(entry["expected"]) for entry in TEXTS]
    assert name_wrong([entry["name"] for entry in TEXTS], found, expected) == []


def test_it_finds_in_notes_with_pasted_texts_what_their_entries_say(node: str) -> None:
    found = verify_events(node, [make_event(entry["text"]) for entry in TEXTS], "--wasm")
    expected = [keep_expected(entry["expected"]) for entry in TEXTS]
    assert name_wrong([entry["name"] for entry in TEXTS], list(map(keep_expected, found)), expected) == []


def test_three_verifiers_agree_on_mutations_and_on_notes_drawn_from_the_grammar(second: str, node: str) -> None:
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    events = [mutate(rng, rng.choice(rng.choice((PASTED, SMALL)))[2])[1] for _ in range(MUTATIONS)]
    events += [rng.choice((draw_note, draw_filled))(rng)[1] for _ in range(DRAWS)]
    here = [without_reason(verify_here(event)) for event in events]
    there = verify_events(node, events, "--wasm")
    others = verify_there(second, events)
    for event, relay, pages, other in zip(events, here, there, others, strict=True):
        assert pages == relay == other, f"seed {seed}\n{encode_event(event).decode()}"
    assert sum(result["valid"] for result in here) >= LEAST_VALID


def test_a_note_is_refused_after_each_change_of_it_that_its_author_did_not_sign(node: str) -> None:
    event = to_event(VECTORS[0])
    changes: list[Json] = [
        {"content": event.content + " "},
        {"created_at": event.created_at + 1},
        {"kind": 7},
        {"tags": (*event.tags, ("t", "x"))},
        {"pubkey": event.tags[0][1]},
        {"id": "0" * 64},
        {"sig": event.sig[:-1] + ("0" if event.sig[-1] != "0" else "1")},
    ]
    found = verify_events(node, [event, *(msgspec.structs.replace(event, **change) for change in changes)])
    assert [one["valid"] for one in found] == [True, *(False for _ in changes)]


def test_it_tells_of_each_member_as_it_goes(node: str) -> None:
    notes = [to_event(vector) for vector in VECTORS if vector["expected"]["valid"]][:40]
    for note, found in zip(
        notes, ask(node, "web_core.mjs", (["object", msgspec.to_builtins(note)] for note in notes)), strict=True
    ):
        claim = proof.detect_claim(note)
        assert claim is not None
        progress = found["progress"]
        assert progress["isEven"]
        assert progress["all"] == len(claim.ring) * len(claim.candidates) * len(claim.dialects)
        assert progress["told"] % len(claim.ring) == 0
        assert len(claim.ring) <= progress["told"] <= progress["all"]


# Spellings of an event's members, and members beside them, that some parsers take and others do not.
SPELLINGS: tuple[Json, ...] = (
    *({"created_at": value} for value in ("1.0", "1e0", "-0", "0", "-1", "01", "1.5", "1E400", "true", '"1"', "null")),
    *(
        {"created_at": value}
        for value in ("9007199254740991", "9007199254740992", "9007199254740991.0", "1" + "0" * 30)
    ),
    *({"kind": value} for value in ("65535", "65536", "1.0", "1e2", "null")),
    *(
        {"content": value}
        for value in (r'"\ud800"', r'"\udc00"', r'"\ud83d\ude00"', r'"\ude00\ud83d"', r'"\ud83d \ude00"')
    ),
    *(
        {"content": value}
        for value in ('"a\tb"', '"a\nb"', r'"\u0000"', r'"\/"', r'"\x"', "null", "1", '"\u2028"', r'"\\ud800"')
    ),
    *(
        {"tags": value}
        for value in ("[[]]", '[["a"]]', '[["a",1]]', '[["a",null]]', r'[["\ud800"]]', "{}", "[{}]", '["a"]')
    ),
    *({"id": f'"{value}"'} for value in ("a" * 63, "a" * 65, "A" * 64, "a" * 64 + r"\n", "g" * 64, "\uff41" * 64)),
    *({"sig": f'"{value}"'} for value in ("c" * 127, "c" * 64)),
    *(
        {"x": value}
        for value in ("1", r'"\ud800"', '[1,{"a":[]}]', "01", "1e999", "NaN", "{", '"id"', "[" * 500 + "]" * 500)
    ),
    *({name: "1"} for name in (r"\ud800", "__proto__", "constructor", "")),
)
EVENT = {"id": '"' + "a" * 64 + '"', "pubkey": '"' + "b" * 64 + '"', "created_at": "1", "kind": "1", "tags": "[]"}
EVENT |= {"content": '"x"', "sig": '"' + "c" * 128 + '"'}
_FULL = ",".join(f'"{name}":{value}' for name, value in EVENT.items())


def test_it_reads_as_events_what_the_relay_reads_as_events(node: str) -> None:
    texts = [
        "{" + ",".join(f'"{name}":{value}' for name, value in (EVENT | change).items()) + "}" for change in SPELLINGS
    ]
    # Of equal names the last counts, however it is written.
    texts += [
        f"{{{_FULL},{extra}}}" for extra in ('"kind":2', '"kind":"2"', r'"\u006bind":3', r'"\u006bind":3.0', '"id":5')
    ]
    texts += [f"{{{extra},{_FULL}}}" for extra in ('"kind":2.5', '"kind":"2"', '"content":7', '"tags":[[]]')]
    texts += [f"{{{_FULL.replace(f'{name}', 'x')}}}" for name in EVENT]
    texts += [
        "",
        "[]",
        "1",
        "null",
        f"[{{{_FULL}}}]",
        f"{{{_FULL}}} x",
        f" {{{_FULL}}}\r\n\t",
        f"\ufeff{{{_FULL}}}",
        f"{{{_FULL},}}",
    ]
    found = ask(node, "web_core.mjs", (["event", text] for text in texts))
    # A bad signature is an event's; what is no event is not even looked at.
    assert {text: one.get("isEvent", True) for text, one in zip(texts, found, strict=True)} == {
        text: is_event(text) for text in texts
    }


def is_event(text: str) -> bool:
    try:
        decode_event(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


_RING = "Ring:\n" + "\n".join(NPUBS) + "\n\n"
_GAP = f"{WORDS}\n\nRing:\n{NPUBS[0]}%s{NPUBS[1]}\n{NPUBS[2]}\n\n{SIG}"
_MANY = npub_of(*range(12))
# Texts of about 60,000 characters in which a pattern could begin over and over again, or take back what it read.
HOSTILE: dict[str, Callable[[], str]] = {
    **{
        f"{unit!r} before": (lambda unit=unit: unit * (60_000 // len(unit)) + f"\n\n{_RING}{SIG}")
        for unit in (
            " ",
            "\n",
            "{",
            "[ ",
            "#",
            "* ",
            "> ",
            "\u200b",
            "*",
            "Message: ",
            '"c0" : ',
            "```\n",
            "\r",
            "- ",
            "ringA",
            "\u00a0 ",
            "npub1",
            "nostr:",
            "0",
            "_",
        )
    },
    **{
        f"{unit!r} between keys": (lambda unit=unit: _GAP % (unit * (60_000 // len(unit))))
        for unit in (" ", "\t", "\n", ",", " and", "(", "( ", "Ann ", "a", "\u4e00", "- ", "1. ", "@", '"', "[", "\r\n")
    },
    **{
        f"{unit!r} behind": (lambda unit=unit: post() + unit * (60_000 // len(unit)))
        for unit in (" ", "\n", "x ", "\n\n", "\n>", "```\n", "\n# ", "=", "\n---", "(Ann) ")
    },
    "JSON of many responses that does not end": lambda: '{"s":["' + '","'.join(["a" * 64] * 800) + '" ' + " " * 5000,
    "a JSON signature that begins many times": lambda: (
        '{"c0":"' + "a" * 64 + '", "s":["' + "a" * 64 + '",' + '{"s":["' * 8000
    ),
    "deep JSON": lambda: '{"ring_signature":' * 8000,
    "JSON of many names": lambda: "{" + ",".join(f'"{place}":"\\\\"' for place in range(4000)) + ',"ring_signature":1}',
    "many lists": lambda: "".join(f"x {_MANY[place % 11]}, {_MANY[place % 11 + 1]}\n" for place in range(450)) + SIG,
    "one list": lambda: "".join(f"{place + 1}. {_MANY[place % 12]}\n" for place in range(900)) + SIG,
}
# A text of that length takes up to 0.05 s of the processor, and the square of its length minutes.
CPU_SECONDS = 0.5


@pytest.mark.serial
def test_hostile_texts_take_no_longer_than_their_length(node: str) -> None:
    texts = {name: make() for name, make in HOSTILE.items()}
    found = ask(node, "web_core.mjs", (["text", text] for text in texts.values()), "--wasm")
    spent = {name: one["cpuSeconds"] for name, one in zip(texts, found, strict=True)}
    assert {name: seconds for name, seconds in spent.items() if seconds > scaled(CPU_SECONDS)} == {}
