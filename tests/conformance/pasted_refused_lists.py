"""Pasted texts that are not valid for their lists of keys, with what the author must be told."""

from collections.abc import Iterator

from tests.conformance.notes import hex_of, npub_of
from tests.conformance.pasting import (
    HEX,
    NPUBS,
    SIG,
    WORDS,
    Entry,
    found,
    post,
    refuse,
)

FIRST, SECOND, THIRD = NPUBS
# "We declare that the chairman stole money", in nine characters.
CHAIRMAN = "\u6211\u4eec\u58f0\u660e\u8463\u4e8b\u957f\u5077\u94b1"
# Essential words of refusals.
NOT_ONE_LIST = "the keys of the ring do not stand in one list"
ENDS_EARLY = "the list of keys ends before it holds all members of the signature"
TOO_MANY = "the list of keys holds more keys than the signature has members"
SEVERAL = "several lists of keys that could be its ring: put the line Ring: before the one that signed"
NUMBERS = "the ring's list is not numbered 1, 2, 3: number it so, or use dashes"


def list_refused_lists() -> Iterator[Entry]:
    yield from _list_broken_lists()
    yield from _list_two_sides()
    yield from _list_numbers()
    yield from _list_many_lists()


def _list_broken_lists() -> Iterator[Entry]:
    for name, ring, quoted in (
        ("a sentence as a name", f"{FIRST}\nthe man who sold us all: {SECOND}\n{THIRD}", "the man who sold us all:"),
        ("a name of four words", f"Alice\n{FIRST}\nhe lies to you {SECOND}\n{THIRD}", "he lies to you"),
        ("a word between keys", f"{FIRST} liar {SECOND} {THIRD}", "liar"),
        ("a name of 25 letters", f"{FIRST}\n{'a' * 25}: {SECOND}\n{THIRD}", "aaaaaaaa"),
        ("a label as a name", f"{FIRST}\nSignature: {SECOND}\n{THIRD}", "Signature:"),
        ("a link as a name", f"{FIRST}\nhttps://example.org {SECOND}\n{THIRD}", "https://example.org"),
        ("a line between", f"{FIRST}\n{SECOND}\nand our chairman, who lies,\n{THIRD}", "and our chairman, who lies"),
    ):
        text = post(ring=f"Ring:\n{ring}")
        why = "nobody signed what stands between the keys; the refusal quotes it"
        yield refuse(f"list, {name}", name, text, f"{ENDS_EARLY} ... keys for 3 members; then \u201c{quoted}", why)
    for name, ring, quoted in (
        ("an arrow before each", f"\u2192 {FIRST}\n\u2192 {SECOND}\n\u2192 {THIRD}", "\u2192"),
        ("empty boxes", f"- [ ] {FIRST}\n- [ ] {SECOND}\n- [ ] {THIRD}", "- [ ]"),
        ("two commas", f"{FIRST},, {SECOND},, {THIRD}", ",,"),
        (
            "names of three words",
            f"Jean Luc Picard: {FIRST}\nBob Lee Jones: {SECOND}\nCarol Ann Day: {THIRD}",
            "Bob Lee Jones:",
        ),
        (
            "links as names",
            f"evil.example.com: {FIRST}\nwww.evil.example: {SECOND}\nexample.org: {THIRD}",
            "www.evil.example:",
        ),
        (
            "a sentence over the names",
            f"We say that: {FIRST}\nBob stole all: {SECOND}\nthe club money: {THIRD}",
            "Bob stole all:",
        ),
        (
            "a sentence without spaces",
            f"\u9648: {FIRST}\n{CHAIRMAN}: {SECOND}\n{CHAIRMAN}: {THIRD}",
            CHAIRMAN[:4],
        ),
        ("accents heaped on a name", f"A: {FIRST}\nB{chr(0x301) * 20}: {SECOND}\nC{chr(0x301)}: {THIRD}", "B\u0301"),
        ("names of nothing", f"A: {FIRST}\n\u3164: {SECOND}\n\u115f: {THIRD}", ""),
        ("a space of another script in a name", f"A: {FIRST}\nBob\u1680lies: {SECOND}\nC\u1680D: {THIRD}", "Bob"),
        ("marks of direction in a name", f"A: {FIRST}\n\u202eB: {SECOND}\n\u200fC: {THIRD}", "B:"),
        ("emoji in a name", f"A: {FIRST}\nBob \U0001f600: {SECOND}\n\U0001f600: {THIRD}", "Bob"),
        ("negations as names", f"not: {FIRST}\nnever {SECOND}\nnicht: {THIRD}", "never"),
        ("and not", f"{FIRST} and not {SECOND} and not {THIRD}", "and not"),
        ("a table", f"| {FIRST} |\n| {SECOND} |\n| {THIRD} |", "|"),
    ):
        text = post(ring=f"Ring:\n{ring}")
        why = "these signs are none of those of a list; the refusal quotes what stands between the keys"
        yield refuse(f"list, {name}", name, text, f"{NOT_ONE_LIST} ... {found(quoted)}", why)
    text = post(ring="Ring:\n" + "\n".join(NPUBS[:2]))
    why = "the signature says how many signed"
    yield refuse("list, a key less", "a key less", text, f"{ENDS_EARLY} ... (found: 2 keys for 3 members)", why)
    text = post(ring=f"Ring:\n{FIRST}")
    yield refuse("list, one key", "one key of three", text, "the text must list its ring once", why)


def _list_two_sides() -> Iterator[Entry]:
    for name, ring in (
        ("left and right", f"Alice: {FIRST} (Al)\nBob: {SECOND}\n{THIRD} (Carol)"),
        ("left and right of other keys", f"Alice: {FIRST}\nBob: {SECOND}\n{THIRD} (Carol)"),
        ("right and left", f"{FIRST} Alice, Bob: {SECOND}, {THIRD}"),
    ):
        text = post(ring=f"Ring:\n{ring}")
        why = "with names on both sides a sentence could run through the list, and nobody signed it"
        reason = "the ring's list has names before keys and behind keys: leave them on one side"
        yield refuse(f"names, {name}", f"names {name}", text, reason, why)


def _list_numbers() -> Iterator[Entry]:
    for name, places in (
        ("years", (1936, 1945, 2001)),
        ("from 0", (0, 1, 2)),
        ("out of order", (1, 3, 2)),
        ("one twice", (1, 2, 2)),
        ("one missing", (1, 2, 4)),
    ):
        ring = "\n".join(f"{place}. {npub}" for place, npub in zip(places, NPUBS, strict=True))
        text = post(ring=f"Ring:\n{ring}")
        yield refuse(f"list, numbers {name}", f"numbers {name}", text, NUMBERS, "other numbers could be read as words")
    text = post(ring="Ring:\n" + "\n".join(f"0{place}. {npub}" for place, npub in enumerate(NPUBS, 1)))
    yield refuse("list, numbers with zeros", "01. 02. 03.", text, NUMBERS, "one number has one spelling")


def _list_many_lists() -> Iterator[Entry]:
    text = post(ring="Ring:\n" + "\n".join([*NPUBS, *npub_of(5)]))
    yield refuse(
        "list, a key more",
        "a key more",
        text,
        f"{TOO_MANY} ... (found: 4 keys for 3 members)",
        "the signature says how many signed",
    )
    text = post(signature="Members:\n" + "\n".join(hex_of(3, 4, 5)) + f"\n\n{SIG}")
    shown = f"3 keys from \u201c{FIRST[:8]}\u2026\u201d on, 3 keys from \u201c{hex_of(3)[0][:8]}\u2026\u201d on"
    reason = f"{SEVERAL} ... (found: {shown})"
    yield refuse(
        "list, two lists", "two labelled lists of three keys", text, reason, "no reader could tell which signed"
    )
    text = f"{WORDS}\n\n{' '.join(HEX)}\n\nThese have not signed it: {' '.join(hex_of(3, 4, 5))}\n\n{SIG}"
    yield refuse(
        "list, two lists without labels", "two lists of three keys", text, SEVERAL, "no reader could tell which signed"
    )
    text = f"{WORDS}\n\n{' '.join(HEX)}\n\nFriends: {' '.join(hex_of(3, 4, 5))}\n\n{SIG}"
    why = "Friends: is read as a name beside a key, and joins the lists"
    reason = f"{TOO_MANY} ... (found: 6 keys for 3 members)"
    yield refuse("list, two lists and a word", "two lists, a word before one", text, reason, why)
    for name, text in (
        ("no keys", f"{WORDS}\n\n{SIG}"),
        ("names alone", f"{WORDS}\n\nRing: Alice, Bob, Carol\n\n{SIG}"),
    ):
        why = "nobody can check a signature without the keys"
        yield refuse(f"list, {name}", name, text, "the text must list its ring once, as npubs or hex keys", why)
