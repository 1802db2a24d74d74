"""Pasted texts that are not valid for a key or for their signature, with what the author must be told."""

from collections.abc import Iterator

from bech32 import CHARSET

from tests.conformance.notes import as_json, compact, points_of
from tests.conformance.pasted_refused_lists import ENDS_EARLY, NOT_ONE_LIST
from tests.conformance.pasted_refused_words import OUTSIDE
from tests.conformance.pasting import (
    HEX,
    NPUBS,
    RING,
    SIG,
    SIG_OF_TWO,
    SIGNER,
    TWO,
    WORDS,
    Entry,
    found,
    post,
    refuse,
)
from tests.conformance.signing import sag

FIRST, SECOND, THIRD = NPUBS
SAG = sag(WORDS, RING, SIGNER)
# Essential words of refusals.
KEY = (
    "a key in the text is not written as keys are read: "
    "give an npub its 63 characters, a hex key 64 lower-case digits without 0x"
)
NOT_A_KEY = "a ring member is not a public key: write an npub without a mistake"
BROKEN = "the ring signature is broken by a line end or a space: write it in one line"
CUT = "copy it whole, as it was printed"
NOT_WHOLE = "the JSON signature in the text is not whole: copy its c0 and s as JSON.stringify prints them"
NO_RING_NOTE = "invalid: no ring signature"
TWICE = "the text holds more than one ring signature: write it once"


def list_refused_parts() -> Iterator[Entry]:
    yield from _list_keys()
    yield from _list_broken_signatures()
    yield from _list_signatures()


def _list_keys() -> Iterator[Entry]:
    typo = SECOND[:-1] + next(c for c in CHARSET if c != SECOND[-1])
    swapped = SECOND[:20] + SECOND[21] + SECOND[20] + SECOND[22:]
    for name, key in (
        ("0x", "0x" + HEX[1]),
        ("upper case", HEX[1].upper()),
        ("one capital", HEX[1][:-2] + HEX[1][-2:].upper()),
        ("130 digits", "04" + HEX[1] * 2),
        ("66 digits with 04", "04" + HEX[1]),
        ("a digit less", HEX[1][:-1]),
        ("a digit more", HEX[1] + "0"),
        ("an npub in upper case", SECOND.upper()),
        ("an npub with a capital", "Npub1" + SECOND[5:]),
        ("an npub cut short", SECOND[:-3]),
        ("an npub with a letter more", SECOND + "q"),
        ("an npub with a b", SECOND[:-1] + "b"),
    ):
        text = post(ring=f"Ring:\n{FIRST}\n{key}\n{THIRD}")
        why = "the key is named as it stands there; the signature may well be right"
        reason = f"{KEY} ... {found(key[:8])} ... {len(key)} characters)"
        yield refuse(f"key, {name}", f"one key: {name}", text, reason, why)
    for name, key in (("an npub with a typing error", typo), ("an npub with two letters swapped", swapped)):
        text = post(ring=f"Ring:\n{FIRST}\n{key}\n{THIRD}")
        why = "a checksum tells a typing error from a key"
        yield refuse(f"key, {name}", f"one key: {name}", text, f"{NOT_A_KEY} ... (found: key 2, \u201c{key[:8]}", why)
    for name, key, quoted in (
        ("cut by a client", f"{SECOND[:12]}\u2026{SECOND[-6:]}", f"{SECOND[:12]}"),
        ("cut with dots", f"{SECOND[:12]}...{SECOND[-6:]}", f"{SECOND[:12]}"),
        ("an address", "bob@example.org", "bob@example.org"),
        ("a name alone", "Bob", "Bob"),
        ("broken over two lines", f"{HEX[1][:32]}\n{HEX[1][32:]}", HEX[1][:8]),
    ):
        text = post(ring=f"Ring:\n{FIRST}\n{key}\n{THIRD}")
        why = "the list ends there; the refusal quotes what stopped it"
        yield refuse(f"key, {name}", f"one key: {name}", text, f"{NOT_ONE_LIST} ... {found(quoted)}", why)
    text = post(ring=f"Ring:\n{FIRST}\nhttps://njump.example/{SECOND}\n{THIRD}")
    why = "the list ends there; the refusal says how many keys were read, and what stopped it"
    reason = f"{ENDS_EARLY} ... keys for 3 members; then \u201chttps://njump.example/"
    yield refuse("key, a web link", "one key behind a web address", text, reason, why)
    off = "00" * 31 + "05"
    text = post(ring="Ring:\n" + "\n".join([*NPUBS, off]), signature=compact(sag(WORDS, (*RING, 3), SIGNER)))
    why = "there is no such key: 5 is the x of no point"
    yield refuse("key, on no curve", "a key that is no point", text, "a ring member is not a point on the curve", why)
    for name, ring in (("twice", (FIRST, SECOND, SECOND)), ("as npub and as hex", (FIRST, SECOND, HEX[1]))):
        text = post(ring="Ring:\n" + "\n".join(ring))
        why = "it would make the ring look larger than it is"
        yield refuse(f"key, {name}", f"a key {name}", text, "a ring member is listed twice: list each key once", why)
    points = points_of(*TWO)
    negative = ("02" if points[0][:2] == "03" else "03") + points[0][2:]
    text = post(ring=f"Ring:\n{points[0]}\n{negative}", signature=SIG_OF_TWO)
    yield refuse(
        "key, with 02 and with 03",
        "one x with 02 and with 03",
        text,
        "a ring member is listed twice",
        "both have one owner",
    )


def _list_broken_signatures() -> Iterator[Entry]:
    pieces = [SIG[start : start + 76] for start in range(0, len(SIG), 76)]
    why = "the signature was printed in one line; a mail or a terminal broke it"
    text = post(signature="\n".join(pieces))
    yield refuse(
        "signature, broken at 76",
        "broken after 76 characters",
        text,
        NO_RING_NOTE,
        f"{why}: too little for a ring note, so a relay says what it looks like",
    )
    for name, signature in (
        ("broken at 300", f"{SIG[:300]}\n{SIG[300:]}"),
        ("broken at 300, Windows", f"{SIG[:300]}\r\n{SIG[300:]}"),
        ("broken at 300, indented", f"{SIG[:300]}\n    {SIG[300:]}"),
        ("broken at 200 each", "\n".join(SIG[start : start + 200] for start in range(0, len(SIG), 200))),
        ("broken by a space", f"{SIG[:300]} {SIG[300:]}"),
        ("broken and quoted", f"{SIG[:300]}\n> {SIG[300:]}"),
    ):
        yield refuse(f"signature, {name}", name, post(signature=signature), BROKEN, why)
    for name, signature in (("cut at its end", SIG[:-40]), ("cut after 200", SIG[:200])):
        why = "the rest is missing; to copy all of it helps, to sign again does not"
        yield refuse(f"signature, {name}", name, post(signature=signature), CUT, why)


def _list_signatures() -> Iterator[Entry]:
    for name, signature in (
        ("cut by dots", f"{SIG[:30]}...{SIG[-10:]}"),
        ("a stub", "ringAo2F2Y3NhZ2FjWC"),
        ("YAML", f"c0: {SAG.c0.hex()}\ns:\n" + "\n".join(f"  - {s.hex()}" for s in SAG.responses)),
        ("what Node prints", as_json(SAG, 2).replace('"c0"', "c0").replace('"s"', "s").replace('"', "'")),
    ):
        why = "too little for a ring note; a relay that asks for rings says that it is not whole"
        yield refuse(f"signature, {name}", name, post(signature=signature), NO_RING_NOTE, why)
    for name, signature in (
        ("JSON without its end", as_json(SAG)[:-1]),
        ("JSON in upper case", as_json(SAG).upper().replace('"C0"', '"c0"').replace('"S"', '"s"')),
        ("JSON with a member more", as_json(SAG).replace("]}", '], "v": "sag"}')),
        ("JSON with a comma at its end", as_json(SAG).replace("]}", "],}")),
        ("JSON with c0 at its end", as_json(SAG)[:-1] + f', "c0": "{SAG.c0.hex()}"}}'),
    ):
        why = "it is JSON that was changed on the way"
        yield refuse(f"signature, {name}", name, post(signature=signature), NOT_WHOLE, why)
    for name, text in (
        ("twice", f"{post()}\n{SIG}"),
        ("compact and JSON", f"{post()}\n\n{as_json(SAG)}"),
        ("in the words and behind", post(f"{WORDS} {SIG}")),
        ("of two rings", f"{post()}\n{SIG_OF_TWO}"),
    ):
        why = "with two signatures nobody can tell which one was meant"
        yield refuse(f"signature, {name}", f"a signature {name}", text, f"{TWICE} ... (found: 2 signatures)", why)
    for name, signature in (
        ("quoted on one side", f'"{SIG}'),
        ("JSON in quotes", f"'{as_json(SAG)}'"),
    ):
        yield refuse(f"signature, {name}", name, post(signature=signature), OUTSIDE, "half a quote belongs to nothing")
    for name, signature in (
        ("a letter more", SIG + "A"),
        ("a letter changed", SIG[:100] + "!" + SIG[101:]),
        ("joined to a word", f"sig{SIG}"),
    ):
        yield refuse(f"signature, {name}", name, post(signature=signature), "invalid: ", "it is not what was printed")
