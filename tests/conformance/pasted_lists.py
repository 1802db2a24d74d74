"""Pasted texts whose lists of keys have many styles, and whose parts stand in many orders."""

import json
from collections.abc import Iterator

from tests.conformance.notes import as_json, compact, hex_of, npub_of
from tests.conformance.pasting import HEX, LINES, NPUBS, RING, SIG, SIGNER, WORDS, Entry, Signed, accept, post
from tests.conformance.signing import sag

FIRST, SECOND, THIRD = NPUBS
AND = {
    "English": ("and", "or"),
    "German": ("und", "oder"),
    "French and Portuguese": ("et", "ou"),
    "Spanish and Italian": ("y", "o"),
    "Italian and Portuguese": ("e",),
    "Dutch": ("en", "of"),
    "Polish": ("i", "lub"),
    "Russian": ("и", "или"),
    "signs": ("&", "+"),
}


def list_lists() -> Iterator[Entry]:
    yield from _list_marks()
    yield from _list_separators()
    yield from _list_words()
    yield from _list_orders()


def _list_marks() -> Iterator[Entry]:
    for name, mark in (
        ("dashes", "- "),
        ("asterisks", "* "),
        ("plus signs", "+ "),
        ("bullets", "\u2022 "),
        ("bullets and tabs", "\u2022\t"),
        ("bullets without a space", "\u2022"),
        ("triangles", "\u2023 "),
        ("squares", "\u25aa "),
        ("middle dots", "\u00b7 "),
        ("dashes without a space", "-"),
        ("en dashes", "\u2013 "),
        ("en dashes without a space", "\u2013"),
        ("em dashes", "\u2014 "),
        ("signs of a quotation", "> "),
        ("indentation", "    "),
        ("tabs", "\t"),
    ):
        ring = "\n".join(mark + npub for npub in NPUBS)
        yield accept(
            f"list, {name}",
            f"{name} before the keys",
            post(ring=f"Ring:\n{ring}"),
            "a list of a phone, a mail or Markdown",
        )
    for name, form in (("1.", "{}. "), ("1)", "{}) "), ("(1)", "({}) "), ("1:", "{}: "), ("1. without a space", "{}.")):
        ring = "\n".join(form.format(place) + npub for place, npub in enumerate(NPUBS, 1))
        why = "the numbers count the keys and say nothing else"
        yield accept(f"list, numbers {name}", f"keys numbered {name}", post(ring=f"Ring:\n{ring}"), why)
    eleven = tuple(range(11))
    ring = "\n".join(f"{place}. {npub}" for place, npub in enumerate(npub_of(*eleven), 1))
    text = post(ring=f"Ring:\n{ring}", signature=compact(sag(WORDS, eleven, 7)))
    yield accept("list, numbers to 11", "keys numbered 1. to 11.", text, "numbers of two digits", Signed(ring=eleven))


def _list_separators() -> Iterator[Entry]:
    node = "[\n" + ",\n".join(f"  '{key}'" for key in HEX) + "\n]"
    for name, ring in (
        ("spaces", " ".join(NPUBS)),
        ("commas", ", ".join(HEX)),
        ("commas without spaces", ",".join(HEX)),
        ("commas at line ends", ",\n".join(NPUBS)),
        ("a comma at the end, too", ",\n".join(NPUBS) + ","),
        ("a full stop at the end", ", ".join(NPUBS) + "."),
        ("semicolons", "; ".join(NPUBS)),
        ("semicolons at line ends", ";\n".join(NPUBS) + ";"),
        ("pipes", " | ".join(NPUBS)),
        ("Japanese commas", "\u3001".join(NPUBS)),
        ("full-width commas", "\uff0c".join(NPUBS)),
        ("full-width semicolons", "\uff1b".join(NPUBS)),
        ("blank lines", "\n\n".join(NPUBS)),
        ("line ends of Windows", "\r\n".join(NPUBS)),
        ("spaces at line ends", " \n".join(NPUBS)),
        ("tabs in one line", "\t".join(NPUBS)),
        ("a JSON array", json.dumps(HEX)),
        ("a JSON array over lines", json.dumps(NPUBS, indent=2)),
        ("an array as Node prints it", node),
        ("a set in braces", "{" + ", ".join(NPUBS) + "}"),
        ("a tuple", "(" + ", ".join(f"'{npub}'" for npub in NPUBS) + ")"),
        ("a fence around the list", f"```\n{LINES}\n```"),
    ):
        yield accept(f"list, {name}", name, post(ring=f"Ring:\n{ring}"), "what tools print and hands type between keys")
    text = post(ring=f"Ring: {', '.join(HEX)}")
    yield accept("list, on the label's line", "keys behind Ring: in one line", text, "label and value in one line")


def _list_words() -> Iterator[Entry]:
    for language, words in AND.items():
        for word in words:
            text = post(ring=f"Ring: {FIRST}, {SECOND} {word} {THIRD}")
            yield accept(
                f"list, {word} ({language})", f"{word} before the last key", text, "an enumeration in a sentence"
            )
    for name, ring in (
        ("a comma and and", f"{FIRST}, {SECOND}, and {THIRD}"),
        ("or between all", f"{FIRST} or {SECOND} or {THIRD}"),
        ("or at the beginning of lines", f"{FIRST}\nor {SECOND}\nor {THIRD}"),
        ("or on lines of its own", f"{FIRST}\nor\n{SECOND}\nor\n{THIRD}"),
        ("and between names", f"Alice {FIRST}, Bob {SECOND} and Carol {THIRD}"),
        ("names in brackets and or", f"{FIRST} (Alice) or {SECOND} (Bob) or {THIRD} (Carol)"),
    ):
        yield accept(f"list, {name}", name, post(ring=f"Ring: {ring}"), "an enumeration in a sentence")


def _list_orders() -> Iterator[Entry]:
    ring, sig = f"Ring:\n{LINES}", f"Signature:\n{SIG}"
    keyed = f"Ask {npub_of(9)[0]} and {hex_of(8)[0]}."
    signature = compact(sag(keyed, RING, SIGNER))
    others = ", ".join(hex_of(3, 4, 5, 6))
    naming = f"Not signed by {others}."
    for name, text, signed in (
        ("no labels", f"{WORDS}\n\n{LINES}\n\n{SIG}", Signed()),
        ("all in one line", f"{WORDS} {' '.join(HEX)} {SIG}", Signed()),
        ("no blank lines", f"{WORDS}\n{LINES}\n{SIG}", Signed()),
        ("the signature before the ring", f"{WORDS}\n\n{sig}\n\n{ring}", Signed()),
        ("the ring, the message, the signature", f"{ring}\n\nMessage: {WORDS}\n\n{sig}", Signed()),
        ("the signature, the ring, the message", f"{sig}\n\n{ring}\n\nMessage:\n{WORDS}\n", Signed()),
        ("the signature, the message, the ring", f"{sig}\n\nMessage: {WORDS}\n\n{ring}", Signed()),
        ("the ring, the signature, the message", f"{ring}\n\n{sig}\n\nMessage: {WORDS}", Signed()),
        ("keys in the message", f"{keyed}\n\n{ring}\n\n{signature}", Signed(keyed)),
        (
            "a longer list of keys in the message, Ring: before the ring",
            f"{naming}\n\n{ring}\n\n{compact(sag(naming, RING, SIGNER))}",
            Signed(naming),
        ),
        (
            "JSON signature in a fence",
            f"{WORDS}\n\n{ring}\n\n```json\n{as_json(sag(WORDS, RING, SIGNER), 2)}\n```",
            Signed(),
        ),
        ("the signature in a fence", f"{WORDS}\n\n{ring}\n\n```\n{SIG}\n```", Signed()),
        ("the signature in backticks", f"{WORDS}\n\n{ring}\n\n`{SIG}`", Signed()),
        ("the signature in curly quotes", f"{WORDS}\n\n{ring}\n\nSignature: \u201c{SIG}\u201d", Signed()),
        ("the signature in guillemets", f"{WORDS}\n\n{ring}\n\nSignature: \u00ab{SIG}\u00bb", Signed()),
        ("the signature in low quotes", f"{WORDS}\n\n{ring}\n\nSignature: \u201e{SIG}\u201d", Signed()),
        ("the signature in angle brackets", f"{WORDS}\n\n{ring}\n\nSignature: <{SIG}>", Signed()),
        ("the signature in round brackets", f"{WORDS}\n\n{ring}\n\n({SIG})", Signed()),
        ("the signature in square brackets", f"{WORDS}\n\n{ring}\n\n[{SIG}]", Signed()),
        ("a full stop behind the signature", f"{WORDS}\n\n{ring}\n\nSignature: {SIG}.", Signed()),
        ("no space behind Signature:", f"{WORDS}\n\n{ring}\n\nSignature:{SIG}", Signed()),
    ):
        yield accept(f"order, {name}", name, text, "the parts are told by what they are and by their labels", signed)
