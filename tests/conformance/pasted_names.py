"""Pasted texts with names beside the keys, and by two people: the article's own example."""

import json
from collections.abc import Iterator

from tests.conformance.notes import as_json
from tests.conformance.pasting import (
    BY_TWO,
    ME,
    NPUBS,
    SIG_OF_TWO,
    SIGNER,
    SNOWDEN,
    TWO,
    WORDS,
    Entry,
    accept,
    post,
)
from tests.conformance.signing import sag


def list_names() -> Iterator[Entry]:
    yield from _list_names()
    yield from _list_pairs()


def _list_names() -> Iterator[Entry]:
    first, second, third = NPUBS
    for name, ring, why in (
        ("names and colons", f"Alice: {first}\nBob: {second}\nCarol: {third}", "people say whose key it is"),
        ("names before", f"Alice {first}\nBob {second}\nCarol {third}", "a name and a key, as in an address book"),
        ("names and dashes", f"Alice - {first}\nBob - {second}\nCarol - {third}", "a dash joins a name and its key"),
        (
            "names and em dashes",
            f"Alice \u2014 {first}\nBob \u2014 {second}\nCarol \u2014 {third}",
            "a phone joins two dashes",
        ),
        ("names and equals signs", f"Alice = {first}\nBob = {second}\nCarol = {third}", "as in settings"),
        ("bold names", f"**Alice**: {first}\n**Bob**: {second}\n**Carol**: {third}", "Markdown"),
        ("bold names, the colon inside", f"**Alice:** {first}\n**Bob:** {second}\n**Carol:** {third}", "Markdown"),
        ("names in quotes", f"'Alice' {first}\n'Bob' {second}\n'Carol' {third}", "quotes show that it is a name"),
        ("@names", f"@alice: {first}\n@bob: {second}\n@carol_1: {third}", "handles"),
        ("a numbered list of names", f"1. Alice: {first}\n2. Bob: {second}\n3. Carol: {third}", "number, name, key"),
        ("dashes and names", f"- Alice: {first}\n- Bob: {second}\n- Carol: {third}", "a list"),
        ("bullets and names", f"\u2022 Alice {first}\n\u2022 Bob {second}\n\u2022 Carol {third}", "a phone's list"),
        ("names in brackets after", f"{first} (Alice)\n{second} (Bob)\n{third} (Carol)", "the key first"),
        ("names after, with dashes", f"{first} - Alice\n{second} - Bob\n{third} - Carol", "the key first"),
        ("names after, with commas", f"{first} Alice, {second} Bob, {third} Carol", "in one line"),
        ("# names after", f"{first} # Alice\n{second} # Bob\n{third} # Carol", "a comment, as in a file of keys"),
        (
            "names of two words",
            f"Edward Snowden: {first}\nAlice O'Neill: {second}\nJean-Luc D\u2019Arc: {third}",
            "names have dashes and apostrophes",
        ),
        ("names and a number", f"Key 1: {first}\nKey 2: {second}\nKey 3: {third}", "as programs name them"),
        ("an initial", f"J. Smith: {first}\nAlice B.: {second}\nDr. Carol: {third}", "a full stop ends an initial"),
        ("the first key's alone", f"Alice: {first}\n{second}\n{third}", "behind Ring: it is no part of the words"),
        ("the last key's alone", f"{first}\n{second}\n{third} - Carol", "a sign joins it to its key"),
        ("the last key's alone, in brackets", f"{first}\n{second}\n{third} (Carol)", "brackets join it to its key"),
        ("names in Greek and Japanese", f"Αλίκη: {first}\n花子: {second}\nЗоя: {third}", "not all names are Latin"),
        ("names beside some keys", f"{first}\nBob: {second}\n{third}", "not every key has a known owner"),
        (
            "Markdown links",
            f"[Alice](nostr:{first})\n[Bob](nostr:{second})\n[Carol](nostr:{third})",
            "a link has a name",
        ),
        (
            "a list of Markdown links",
            f"- [Alice]({first})\n- [Bob Smith]({second})\n- [@carol]({third})",
            "a link has a name",
        ),
    ):
        yield accept(f"names, {name}", name, post(ring=f"Ring:\n{ring}"), why)
    listed = json.dumps(NPUBS)
    for name, ring in (
        ("names in one line", f"Ring: Alice: {first}, Bob: {second}, Carol: {third}"),
        ("JSON", f"Ring: {listed}"),
    ):
        yield accept(f"names, label before, {name}", name, post(ring=ring), "the list begins on the label's line")


def _list_pairs() -> Iterator[Entry]:
    """The article's own example: two keys, one of them the author's."""
    for name, ring in (
        ("one a line", f"Ring:\n{ME}\n{SNOWDEN}"),
        ("or", f"Signers: {ME} or {SNOWDEN}"),
        ("or, over lines", f"Possible signers:\n{ME}\nor\n{SNOWDEN}"),
        ("me or Edward Snowden", f"Ring: {ME} (me) or {SNOWDEN} (Edward Snowden)"),
        ("me and Edward Snowden before", f"Ring:\nme: {ME}\nEdward Snowden: {SNOWDEN}"),
        ("mentions", f"Ring: nostr:{ME} or nostr:{SNOWDEN}"),
        ("no label", f"{ME} {SNOWDEN}"),
    ):
        text = post(ring=ring, signature=SIG_OF_TWO)
        yield accept(
            f"two keys, {name}", f"a ring of two, {name}", text, "the article's own note: me or Edward Snowden", BY_TWO
        )
    json_signature = as_json(sag(WORDS, TWO, SIGNER))
    text = post(ring=f"Ring:\n{ME}\n{SNOWDEN}", signature=json_signature)
    yield accept(
        "two keys, JSON signature",
        "a ring of two and a JSON signature",
        text,
        "canonical is tried for two keys",
        BY_TWO,
    )
