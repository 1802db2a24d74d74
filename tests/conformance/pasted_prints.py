"""Pasted texts with what the two builds of Nostringer really printed: signatures, keys, and the words around them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from relay.protocol.nip19 import decode_npub
from tests.conformance.notes import npub_of
from tests.conformance.pasting import TWO, WORDS, Entry, Signed, accept, found, refuse

PATH = Path(__file__).parents[1] / "vectors" / "nostringer_prints.json"
PRINTS: dict[str, Any] = json.loads(PATH.read_text())
RUST = {case["name"]: case for case in PRINTS["rust"]}
TYPESCRIPT = {case["name"]: case for case in PRINTS["typescript"]}
DEMOS = {case["name"]: case for case in PRINTS["demos"]}
THREE = (0, 1, 2)
BY_THREE = Signed(ring=THREE)
EVEN = (1, 4, 6)

Case = dict[str, Any]


def list_prints() -> Iterator[Entry]:
    yield from _list_rust()
    yield from _list_screens()
    yield from _list_demos()
    yield from _list_typescript()
    yield from _list_refused()


def _lay_out(case: Case, ring: str | None = None) -> str:
    """Return the words, the ring, and the signature of a case; the TypeScript build's is written by JSON.stringify."""
    signature = case["signature"]
    written = signature if isinstance(signature, str) else json.dumps(signature, separators=(",", ":"))
    return f"{case['message']}\n\nRing:\n{ring or chr(10).join(case['ring'])}\n\nSignature:\n{written}\n"


def _list_rust() -> Iterator[Entry]:
    for name, signed, why in (
        ("sag xonly 2", Signed(ring=TWO), "the article's ring of two"),
        ("sag xonly 3", BY_THREE, "its plain output"),
        ("sag xonly 5", Signed(ring=range(5)), "a larger ring"),
        ("sag compressed 3", BY_THREE, "66 digits, 03 among them"),
        ("sag compressed 2", Signed(ring=TWO), "66 digits, 03 among them"),
        ("sag compressed 3 even (keys 1, 4, 6: all 02)", Signed(ring=EVEN), "66 digits, all 02"),
        ("blsag xonly 3", Signed(ring=THREE, scheme="blsag"), "linkable, no flag"),
        ("blsag xonly 5 flag", Signed(ring=range(5), scheme="blsag"), "linkable, with a flag"),
    ):
        yield accept(f"Rust, {name}", f"nostringer_cli sign: {name}", _lay_out(RUST[name]), why, signed)
    lines = "\n".join(npub_of(*EVEN))
    case = RUST["sag compressed 3 even (keys 1, 4, 6: all 02)"]
    why = "signed over 02 keys, posted as npubs"
    yield accept(
        "Rust, 02 keys posted as npubs", "nostringer_cli, npubs", _lay_out(case, lines), why, Signed(ring=EVEN)
    )
    for name in ("LF", "CRLF"):
        case = RUST[f"sag xonly 3, message with {name}"]
        text = _lay_out(case).replace("\r\n", "\n").replace("\n", "\r\n")
        signed = Signed(case["message"], ring=THREE)
        yield accept(f"Rust, {name} signed, CRLF posted", f"{name} in the words", text, "pasted on Windows", signed)
    case = RUST["sag xonly 3, message with a final newline"]
    text = _lay_out({**case, "message": WORDS})
    signed = Signed(case["message"], ring=THREE)
    yield accept("Rust, a final line end signed", "the words end in LF", text, "of a file, not of an argument", signed)
    case = RUST["sag xonly 3, German"]
    yield accept(
        "Rust, German words", "words with \u00e4", _lay_out(case), "UTF-8", Signed(case["message"], ring=THREE)
    )


def _list_screens() -> Iterator[Entry]:
    """The words of its screens as labels."""
    case = RUST["sag xonly 3"]
    keys, sig = "\n".join(case["ring"]), case["signature"]
    array = "[\n" + ",\n".join(f"  '{key}'" for key in case["ring"]) + "\n]"
    for name, text in (
        (
            "the screen",
            f"{WORDS}\n\n{keys}\n\nSigning with SAG variant...\n\nCompact Signature (ringA format):\n{sig}\n\n"
            "\u2713 Signature is valid!\n",
        ),
        ("the README", f"{WORDS}\n\nPublic keys:\n{keys}\n\nGenerated Compact Signature: {sig}\n"),
        (
            "the README's end",
            f"{WORDS}\n\nPublic keys:\n{keys}\n\nGenerated Compact Signature: {sig}\nSignature valid: true\n",
        ),
        (
            "compact_signatures",
            f'Signing message: "{WORDS}"\nRing pubkeys:\n{keys}\nCompact SAG signature (ringA format):\n{sig}\n',
        ),
        (
            "the numbers of compact_signatures",
            "{}\n\nRing pubkeys:\n{}\n\n{}".format(
                WORDS, "\n".join(f"  {n}: {key}" for n, key in enumerate(case["ring"], 1)), sig
            ),
        ),
        ("the web page", f"{WORDS}\n\nRing keys:\n{keys}\n\nGenerated Ring Signature:\nCompact Signature:\n{sig}\n"),
        (
            "the example's labels",
            f'Message to sign: "{WORDS}"\nRing of public keys: {array}\nSignature created: {sig}\n',
        ),
        ("Generated signature:", f"{WORDS}\n\n{keys}\n\nGenerated signature:\n{sig}\nIs ring signature valid? true\n"),
        ("Ring sig:", f"{WORDS}\n\nPubkeys:\n{keys}\n\nRing sig: {sig}\n"),
        (
            "members by number",
            "{}\n\n{}\n\n{}".format(
                WORDS, "\n".join(f"Ring Member {n}: {key}" for n, key in enumerate(case["ring"], 1)), sig
            ),
        ),
        (
            "members by Public Key:",
            "{}\n\n{}\n\n{}".format(WORDS, "\n".join(f"  Public Key:  {key}" for key in case["ring"]), sig),
        ),
        (
            "JSON in other names",
            f'message: "{WORDS}"\nring_members: {json.dumps(case["ring"])}\nring_signature: "{sig}"\n',
        ),
    ):
        why = "the words of the build's own screen say nothing of their own"
        yield accept(f"Rust screen, {name}", f"copied from {name}", text, why, BY_THREE)


def _list_demos() -> Iterator[Entry]:
    for name, label, scheme in (
        ("nostringer_cli demo", "Generated Compact Signature (ringA format):", "sag"),
        ("nostringer_cli compact-sign-demo, SAG", "Compact SAG signature (ringA format):", "sag"),
        ("nostringer_cli compact-sign-demo, bLSAG", "Compact Signature (ringA format):", "blsag"),
        ("nostringer_cli nostr-demo", "Signature:", "sag"),
        ("basic_signing", "Generated compact signature:", "sag"),
    ):
        case = DEMOS[name]
        hex_keys = [_to_hex(key) for key in case["ring"]]
        text = f"Message: {case['message']}\n\n{chr(10).join(case['ring'])}\n\n{label}\n{case['signature']}\n"
        signed = Signed(case["message"], hex_keys, scheme=scheme)
        yield accept(f"Rust demo, {name}", f"{name}, random keys", text, "a demo that somebody posts as it is", signed)


def _to_hex(key: str) -> str:
    x_only = decode_npub(key) if key.startswith("npub") else bytes.fromhex(key)
    assert x_only is not None
    return x_only.hex()


def _list_typescript() -> Iterator[Entry]:
    given = Signed(ring=THREE, dialect="typescript")
    for name, signed, why in (
        ("xonly-3", given, "keys as x: its own dialect"),
        ("xonly-5", Signed(ring=range(5), dialect="typescript"), "keys as x: its own dialect"),
        ("compressed-2", Signed(ring=TWO), "66 digits: the canonical dialect, so two are enough"),
        ("compressed-3", BY_THREE, "66 digits: the canonical dialect"),
        ("compressed-5", Signed(ring=range(5)), "66 digits: the canonical dialect"),
        ("compressed-even-3 (keys 1, 4, 6: all 02)", Signed(ring=EVEN), "66 digits, all 02"),
        ("xonly-even-3 (keys 1, 4, 6)", Signed(ring=EVEN, dialect="typescript"), "keys as x"),
    ):
        yield accept(
            f"TypeScript, {name}", f"sign() and JSON.stringify: {name}", _lay_out(TYPESCRIPT[name]), why, signed
        )
    case = TYPESCRIPT["xonly-3"]
    text = _lay_out(case, "\n".join(npub_of(*THREE)))
    yield accept("TypeScript, posted as npubs", "JSON.stringify, npubs", text, "npubs are the same 32 bytes", given)
    written = json.dumps(case["signature"], indent=2)
    text = f"{WORDS}\n\nRing:\n{json.dumps(case['ring'], indent=2)}\n\n```json\n{written}\n```\n"
    yield accept(
        "TypeScript, indented in a fence", "JSON.stringify(signature, null, 2)", text, "as posted in Markdown", given
    )
    case = TYPESCRIPT["xonly-3-message-with-newline"]
    text = _lay_out({**case, "message": WORDS})
    signed = Signed(WORDS + "\n", THREE, "typescript")
    yield accept(
        "TypeScript, a final line end signed",
        "readFileSync",
        text,
        "readFileSync keeps the file's last line end",
        signed,
    )


def _list_refused() -> Iterator[Entry]:
    case = DEMOS["nostringer_cli demo"]
    members = "\n\n".join(f"Ring Member {n} (xonly):\n  Public Key:  {key}" for n, key in enumerate(case["ring"], 1))
    text = f"{case['message']}\n\n{members}\n\n{case['signature']}\n"
    why = "two lines for each member, as the demo prints them: no list; the keys must stand below each other"
    reason = f"the keys of the ring do not stand in one list ... {found('Ring Member 2 (xonly):')}"
    yield refuse("Rust demo, two lines for each member", "the demo's screen", text, reason, why)
    two, three = "\n".join(npub_of(*TWO)), "\n".join(npub_of(*THREE))
    reason = (
        "in the canonical dialect, which alone is for two ... sign with keys of 66 digits, or with Nostringer in Rust"
    )
    why = "in its own dialect a hostile key of two could move bytes between message and ring"
    yield refuse("TypeScript, xonly-2", "two keys as x", _lay_out(TYPESCRIPT["xonly-2"]), reason, why)
    reason = "does not verify over these words and keys ... keys that began with 03 in all 66 digits"
    why = "03 was lost: other points were signed over than those of the npubs"
    yield refuse(
        "Rust, 03 keys posted as npubs", "npubs of 03 keys", _lay_out(RUST["sag compressed 3"], three), reason, why
    )
    text = f"{WORDS}\n\n{three}\n\n{PRINTS['node']}"
    why = "console.log prints no JSON; a relay that asks for rings says what it takes it for"
    yield refuse(
        "TypeScript, console.log", "what the README's console.log prints", text, "invalid: no ring signature", why
    )
    key = "a key in the text is not written as keys are read"
    for name, case in (
        ("Rust, sag 0x 3", RUST["sag 0x 3"]),
        ("Rust, sag upper 3", RUST["sag upper 3"]),
        ("TypeScript, 130 digits", TYPESCRIPT["uncompressed-3"]),
    ):
        why = "the builds take such keys, and the signature is good: only the spelling must change"
        yield refuse(
            name, f"{name}: keys as they were given", _lay_out(case), f"{key} ... {found(case['ring'][0][:8])}", why
        )
    case = RUST["sag xonly 2"]
    text = f"Signed by one of these two people, and by nobody else:\n{two}\n\nMessage: {WORDS}\n\n{case['signature']}\n"
    why = "an introduction that nobody signed"
    reason = f"text outside the signed message ... {found('Signed by one of')}"
    yield refuse("Rust, an introduction", "words before the ring", text, reason, why)
