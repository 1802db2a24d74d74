"""Texts as people paste them, all valid: the labels, lists, quotes and spaces that programs and habits put around one note."""

from collections.abc import Iterator, Sequence
from typing import Any

from relay.verify.encoding import RingSignature
from relay.verify.ring_equations import Dialect
from tests.conformance.notes import as_json, compact, hex_of, make_event, nprofile_of, npub_of
from tests.conformance.positive import RING, SIGNER, TEXT, Vector, describe
from tests.conformance.signing import sag

NAMES = ("Ann", "Bob", "Eve")


def list_pasted() -> Iterator[Vector]:
    for contents in (
        _list_labels(),
        _list_lists(),
        _list_names(),
        _list_messages(),
        _list_signatures(),
        _list_quotations(),
    ):
        for name, content in contents:
            yield _vector(name, content, sag(TEXT, RING, SIGNER))
    yield from _list_signed()
    yield from _list_keys()


def _vector(name: str, content: str, signature: RingSignature, text: str = TEXT, **how: Any) -> Vector:
    ring: Sequence[int] = how.get("ring", RING)
    about = "pasted, sag, " + name
    return describe(about, make_event(content), "text", ring, signature, text, dialect=how.get("dialect", "canonical"))


def _sig() -> str:
    return compact(sag(TEXT, RING, SIGNER))


def _list_labels() -> Iterator[tuple[str, str]]:
    lines = "\n".join(npub_of(*RING))
    for name, message, ring, signature in (
        ("German labels", "Nachricht:", "Mitglieder des Rings:", "Ringsignatur:"),
        ("French labels, spaces before the colons", "Message\u00a0:", "Membres de l’anneau\u202f:", "Preuve :"),
        ("Russian labels in upper case", "СООБЩЕНИЕ:", "КОЛЬЦО:", "ПОДПИСЬ:"),
        ("Japanese labels, wide colons", "本文：", "公開鍵：", "リング署名："),
        ("Polish labels in decomposed letters", "Wiadomos\u0301c\u0301:", "Piers\u0301cien\u0301:", "Dowo\u0301d:"),
        ("headings without colons", "# Message", "## Ring members", "###### Signature"),
        ("emphasis without colons", "**Message**", "__Ring__", "_Signature_"),
        ("a colon behind the emphasis, and two", "**Message**:", "*Ring:*", "**Signature:**:"),
        ("an emphasised heading", "## **Message**", "## **Public keys:**", "### _Proof_"),
        ("labels in a quotation of their own", "Message:", "> Ring:", "> **Signature**"),
        ("invisible characters beside the labels", "\u200bMessage:\ufeff", "\u2060Ring:\u00a0", "\u200d**Signature**"),
    ):
        yield name, f"{message}\n{TEXT}\n\n{ring}\n{lines}\n\n{signature}\n{_sig()}"
    printed = "Signing with SAG variant...", "✓ Signature is valid!"
    yield "what a program printed", f"{TEXT}\n{lines}\n{printed[0]}\nSignature created: {_sig()}\n{printed[1]}"
    for rule in ("---", "----", "***", "* * *", "- - -", "___", "=====", "—", "——"):
        yield f"the rule {rule}", f"{rule}\n{TEXT}\n{rule}\nRing:\n{lines}\n{rule}\n{_sig()}\n{rule}"


def _list_lists() -> Iterator[tuple[str, str]]:
    npubs, keys = npub_of(*RING), hex_of(*RING)
    for name, members in (
        *(
            (f"members separated by {text!r}", text.join(npubs))
            for text in ("; ", " | ", "、", "，", " and ", " und ", " & ")
        ),
        *(
            (f"members marked with {mark!r}", "\n".join(mark + npub for npub in npubs))
            for mark in ("• ", "•", "+ ", "– ", "> ")
        ),
        ("members marked with dashes joined to them", "\n".join("-" + npub for npub in npubs)),
        ("a comma and a word before the last member", f"{npubs[0]}, {npubs[1]}, and {npubs[2]}."),
        ("a word on the next line", "\nand ".join(npubs)),
        ("numbers in brackets", "\n".join(f"({place}) {npub}" for place, npub in enumerate(npubs, 1))),
        ("numbers and colons joined to the members", "\n".join(f"{place}:{key}" for place, key in enumerate(keys, 1))),
        ("members in angle brackets", "\n".join(f"<{npub}>" for npub in npubs)),
        ("members in emphasis", "\n".join(f"**{npub}**" for npub in npubs)),
        ("members in typographic quotes", ", ".join(f"“{npub}”" for npub in npubs)),
        ("members in round brackets", f"({', '.join(npubs)})"),
        ("members in braces", "{\n" + ",\n".join(f"'{key}'" for key in keys) + "\n};"),
        ("mentions with an at sign", " ".join("@" + npub for npub in npubs)),
        ("mentions with an at sign and nostr:", "\n".join("@nostr:" + npub for npub in npubs)),
    ):
        yield name, f"{TEXT}\n\nRing:\n{members}\n\n{_sig()}"


def _list_names() -> Iterator[tuple[str, str]]:
    npubs = npub_of(*RING)
    pairs = list(zip(NAMES, npubs, strict=True))
    for name, members in (
        ("names before the members", "\n".join(f"{name}: {npub}" for name, npub in pairs)),
        ("names and dashes before the members", ", ".join(f"{name} - {npub}" for name, npub in pairs)),
        ("names in emphasis in a list", "\n".join(f"- **{name}:** {npub}" for name, npub in pairs)),
        ("names with an at sign", "\n".join(f"@{name} {npub}" for name, npub in pairs)),
        ("names in links", "\n".join(f"* [{name}](nostr:{npub})" for name, npub in pairs)),
        ("names behind the members, in brackets", ", ".join(f"{npub} ({name})" for name, npub in pairs)),
        ("names behind the members", "\n".join(f"{npub} - {name}" for name, npub in pairs)),
        ("names behind the members, a word before the last", f"{npubs[0]} Ann, {npubs[1]} Bob and {npubs[2]} Eve"),
        ("a name beside one member", f"{npubs[0]}\n{npubs[1]} (Bob)\n{npubs[2]}"),
        ("names of two words and a number", f"{npubs[0]} (J. Doe)\n{npubs[1]} (Ann O’Neil)\n{npubs[2]} (Eve 2)"),
        ("names in other letters", f"Зоя: {npubs[0]}\n田中: {npubs[1]}\nJean-Luc: {npubs[2]}"),
        ("numbers and names", "\n".join(f"{place}. {name}: {npub}" for place, (name, npub) in enumerate(pairs, 1))),
    ):
        yield name, f"{TEXT}\n\nRing:\n{members}\n\n{_sig()}"


def _list_messages() -> Iterator[tuple[str, str]]:
    ring = "Ring:\n" + "\n".join(npub_of(*RING))
    for pair in ('""', "''", "``", "“”", "„“", "«»", "‘’", "「」"):
        yield f"the message in {pair}", f"{pair[0]}{TEXT}{pair[1]}\n\n{ring}\n\n{_sig()}"
    for name, message in (
        ("the message in emphasis", f"**{TEXT}**"),
        ("the message in quotes with narrow spaces", f"«\u202f{TEXT}\u202f»"),
        ("the message in a quotation", f"> {TEXT}"),
        ("a label and the message in a quotation", f"Message:\n> {TEXT}"),
        ("the value of Message: in quotes", f"Message: “{TEXT}”"),
        ("the message below a rule and a label", f"Message:\n---\n{TEXT}"),
        ("a zero-width space after the message", f"{TEXT}\u200b"),
        ("a no-break space before the ring", f"{TEXT}\n\u00a0"),
    ):
        yield name, f"{message}\n\n{ring}\n\n{_sig()}"


def _list_signatures() -> Iterator[tuple[str, str]]:
    ring = "Ring:\n" + "\n".join(npub_of(*RING))
    for pair in ("“”", "„“", "«»", "‘’", "<>"):
        yield f"the signature in {pair}", f"{TEXT}\n\n{ring}\n\n{pair[0]}{_sig()}{pair[1]}"
    for name, end in (
        ("a full stop after the signature", f"{_sig()}."),
        ("a no-break space after the signature", f"{_sig()}\u00a0"),
        ("a zero-width space before the signature", f"\u200b{_sig()}"),
    ):
        yield name, f"{TEXT}\n\n{ring}\n\n{end}"


def _list_quotations() -> Iterator[tuple[str, str]]:
    content = f"{TEXT}\n\nRing:\n" + "\n".join(npub_of(*RING)) + f"\n\n{_sig()}"
    yield "a quotation", "\n".join(f"> {line}" for line in content.split("\n"))
    yield "a quotation without spaces", "\n".join(f">{line}" for line in content.split("\n"))
    yield "a quotation with blank lines", "\n".join(f"> {line}" if line else "" for line in content.split("\n"))
    yield "a quotation, CR LF", "\r\n".join(f"> {line}" for line in content.split("\n"))
    written = as_json(sag(TEXT, RING, SIGNER))
    yield (
        "a quotation with a JSON signature",
        "\n".join(f"> {line}" for line in content.replace(_sig(), written).split("\n")),
    )


def _list_signed() -> Iterator[Vector]:
    """What was signed differs from what is to be seen, or contains what elsewhere is cut off."""
    ring = "Ring:\n" + "\n".join(npub_of(*RING))
    lines = "We knew\nsince March."
    for name, text, message in (
        ("a message that was signed with one more line end", TEXT + "\n", TEXT),
        ("a message that was signed with other line ends", lines, lines.replace("\n", "\r\n")),
        ("the quotes were signed", f"“{TEXT}”", f"“{TEXT}”"),
        ("the quotation was signed", f"> {TEXT}", f"> {TEXT}"),
        ("a no-break space at the end was signed", f"{TEXT}\u00a0", f"{TEXT}\u00a0"),
        ("more keys in the message than members", *2 * (f"Not these: {' '.join(hex_of(3, 4, 5, 6))}",)),
        ("keys in the message, as many as the members", *2 * (f"Not these: {' '.join(hex_of(3, 4, 5))}",)),
    ):
        signature = sag(text, RING, SIGNER)
        yield _vector(name, f"{message}\n\n{ring}\n\n{compact(signature)}", signature, text)


def _list_keys() -> Iterator[Vector]:
    keys = hex_of(*RING)
    first = sag(TEXT, RING, SIGNER)
    for name, members in (
        ("nprofiles", [nprofile_of(number) for number in RING]),
        ("nprofiles with nostr:", ["nostr:" + nprofile_of(number) for number in RING]),
        ("keys of 66 digits", ["02" + key for key in keys]),
        ("keys in each spelling", [keys[0], "02" + keys[1], nprofile_of(RING[2])]),
    ):
        yield _vector(name, f"{TEXT}\n\nRing:\n" + "\n".join(members) + f"\n\n{compact(first)}", first)
    odd = ["02" + keys[0], "03" + keys[1], "03" + keys[2]]
    signature = sag(TEXT, RING, SIGNER, written=odd)
    yield _vector("odd points", f"{TEXT}\n\nRing:\n" + "\n".join(odd) + f"\n\n{compact(signature)}", signature)
    signature = sag(TEXT, RING, SIGNER, Dialect.TYPESCRIPT)
    profiles = "\n".join(nprofile_of(number) for number in RING)
    content = f"{TEXT}\n\nRing:\n{profiles}\n\n{compact(signature)}"
    yield _vector("nprofiles, TypeScript dialect", content, signature, dialect="typescript")
    signature = sag(TEXT, RING[:2], SIGNER)
    yield _vector(
        "ring of 2", f"{TEXT}\n\nRing:\n{keys[0]}\n{keys[1]}\n\n{compact(signature)}", signature, ring=RING[:2]
    )
