"""Pasted texts whose line ends, quotes and invisible characters were changed on the way, and messages that hold such."""

from collections.abc import Iterator

from tests.conformance.notes import compact
from tests.conformance.pasting import HEX, LINES, RING, SIG, SIGNER, WORDS, Entry, Signed, accept, post, sign
from tests.conformance.signing import sag

TWO_LINES = "We have known since March.\nSo did the board."
WINDOWS = TWO_LINES.replace("\n", "\r\n")
RING_AND_SIG = f"Ring:\n{LINES}\n\nSignature:\n{SIG}"


def list_lines() -> Iterator[Entry]:
    yield from _list_ends()
    yield from _list_invisible()
    yield from _list_quotes()
    yield from _list_quotations()
    yield from _list_messages()


def _to_windows(text: str) -> str:
    return text.replace("\n", "\r\n")


def _list_ends() -> Iterator[Entry]:
    unix = Signed(TWO_LINES)
    text = _to_windows(post(TWO_LINES, signature=sign(TWO_LINES)))
    why = "a browser or a mail program on Windows made CRLF of LF"
    yield accept("line ends, LF signed, CRLF posted", "every line ends in CRLF", text, why, unix)
    text = _to_windows(post(TWO_LINES, signature=sign(WINDOWS)))
    why = "a file of Windows was signed as it was"
    yield accept("line ends, CRLF signed, CRLF posted", "every line ends in CRLF", text, why, Signed(WINDOWS))
    text = post(WINDOWS, signature=sign(WINDOWS))
    yield accept(
        "line ends, CRLF in the message alone", "CRLF in the message, LF around it", text, why, Signed(WINDOWS)
    )
    final = WORDS + "\n"
    why = "echo and editors put a line end behind the words, and it was signed with them"
    for name, text in (
        ("one line end behind it", f"{final}{LINES}\n{sign(final)}"),
        ("a blank line behind it", post(WORDS, signature=sign(final))),
        ("Message: before it", f"Message: {final}\nRing:\n{LINES}\n\n{sign(final)}"),
        ("the ring in the same line", f"Message: {WORDS} {' '.join(HEX)} {sign(final)}"),
    ):
        yield accept(
            f"final line end signed, {name}", f"the words were signed with LF, {name}", text, why, Signed(final)
        )
    text = _to_windows(post(TWO_LINES, signature=sign(TWO_LINES + "\n")))
    yield accept(
        "final line end signed, CRLF posted",
        "LF signed, with a final one; CRLF posted",
        text,
        why,
        Signed(TWO_LINES + "\n"),
    )
    text = post() + "\n\n\n"
    yield accept("line ends behind the signature", "three line ends at the end", text, "editors end a file so")
    text = "\n\n" + post()
    yield accept("line ends before the words", "two blank lines first", text, "pasted below something that was deleted")


def _list_invisible() -> Iterator[Entry]:
    for name, text in (
        ("a byte order mark first", "\ufeff" + post()),
        ("a zero-width space behind the words", post(WORDS + "\u200b")),
        ("zero-width characters around the words", post(f"\u200b\u2060{WORDS}\u200d\u200c")),
        ("a zero-width space behind the signature", post() + "\u200b"),
        ("zero-width characters in blank lines", post(between="\n\u200b\n")),
        (
            "no-break spaces in blank lines behind the ring",
            f"{WORDS}\n\nRing:\n{LINES}\n\u00a0\nSignature:\n{SIG}\n\u00a0",
        ),
        ("a no-break space behind the signature", post() + "\u00a0"),
        ("a no-break space behind the words", post(WORDS + "\u00a0")),
        ("narrow no-break spaces around the words", post(f"\u202f{WORDS}\u202f")),
        ("spaces and tabs around the words", post(f" \t{WORDS}  ")),
    ):
        why = "nobody sees it, and editors, phones and web pages leave it behind"
        yield accept(f"invisible, {name}", name, text, why)
    for name, words in (
        ("a no-break space in the words", "Voil\u00e0\u00a0: 5\u00a0000 \u20ac."),
        ("a no-break space behind them", WORDS + "\u00a0"),
        ("a family of emoji", "We know. \U0001f468\u200d\U0001f469\u200d\U0001f467"),
        ("Persian with a zero-width non-joiner", "\u0645\u06cc\u200c\u062f\u0627\u0646\u06cc\u0645"),
        ("a zero-width space in the words", "We have\u200bknown."),
    ):
        why = "inside the words it was signed"
        yield accept(f"invisible, {name}, signed", name, post(words, signature=sign(words)), why, Signed(words))


def _list_quotes() -> Iterator[Entry]:
    for name, text in (
        ("straight quotes", f'"{WORDS}"'),
        ("single quotes", f"'{WORDS}'"),
        ("backticks", f"`{WORDS}`"),
        ("curly quotes", f"\u201c{WORDS}\u201d"),
        ("single curly quotes", f"\u2018{WORDS}\u2019"),
        ("German quotes", f"\u201e{WORDS}\u201c"),
        ("Polish quotes", f"\u201e{WORDS}\u201d"),
        ("guillemets", f"\u00ab{WORDS}\u00bb"),
        ("guillemets with spaces", f"\u00ab {WORDS} \u00bb"),
        ("guillemets with no-break spaces", f"\u00ab\u00a0{WORDS}\u00a0\u00bb"),
        ("guillemets with narrow no-break spaces", f"\u00ab\u202f{WORDS}\u202f\u00bb"),
        ("Japanese quotes", f"\u300c{WORDS}\u300d"),
        ("Swedish quotes", f"\u201d{WORDS}\u201d"),
        ("guillemets pointing in", f"\u00bb{WORDS}\u00ab"),
        ("single low quotes", f"\u201a{WORDS}\u2018"),
        ("Japanese double quotes", f"\u300e{WORDS}\u300f"),
        ("two asterisks", f"**{WORDS}**"),
    ):
        why = "quotes show where the words begin and end; they are not what was signed"
        yield accept(f"quotes, {name}", f"the words in {name}", post(text), why)
        yield accept(f"quotes, {name}, Message:", f"Message: and the words in {name}", post(f"Message: {text}"), why)
    quoted = f'"{WORDS}"'
    text = post(quoted, signature=sign(quoted))
    yield accept(
        "quotes, signed", "the quotes were signed", text, "what stands there as it is comes first", Signed(quoted)
    )
    for name, text in (
        ("a fence", f"```\n{WORDS}\n```"),
        ("a fence of text", f"```text\n{WORDS}\n```"),
        ("Message: and a fence", f"Message:\n```\n{WORDS}\n```"),
        ("rules around it", f"Message:\n---\n{WORDS}\n---"),
    ):
        yield accept(
            f"quotes, {name}", f"the words in {name}", post(text), "a frame around the words, as Markdown has it"
        )


def _list_quotations() -> Iterator[Entry]:
    def quote(text: str, sign: str = "> ") -> str:
        return "\n".join(f"{sign}{line}".rstrip() for line in text.split("\n"))

    for name, text in (
        ("the whole text", quote(post())),
        ("the whole text, no spaces", quote(post(), ">")),
        ("the whole text, blank lines without it", quote(post()).replace("\n>\n", "\n\n")),
        ("the whole text, Windows", _to_windows(quote(post()))),
        ("the words", post(quote(WORDS))),
        ("the words, Message: before", post(f"Message:\n{quote(WORDS)}")),
        ("the labels, too", f"Message:\n> {WORDS}\n\n> Ring:\n{LINES}\n\n> Signature:\n{SIG}"),
        ("the list", f"{WORDS}\n\nRing:\n{quote(LINES)}\n\n{SIG}"),
    ):
        yield accept(f"quotation, {name}", f"> before {name}", text, "clients, mail and forums quote so")
    text = f"```\n{post()}\n```"
    yield accept("quotes, a fence around the whole text", "the whole text in a fence", text, "a text shown as code")
    lines = f"{TWO_LINES}\n\n> And the auditors?"
    text = post(lines, signature=sign(lines))
    yield accept(
        "quotation, in the words", "a quoted line in the words", text, "it was signed with them", Signed(lines)
    )
    text = post(quote(TWO_LINES), signature=sign(TWO_LINES))
    yield accept(
        "quotation, two lines of words", "two lines of words, quoted", text, "clients quote so", Signed(TWO_LINES)
    )


def _list_messages() -> Iterator[Entry]:
    """Words that look like another part of the text."""
    for name, words in (("white space", f"  {WORDS}\n\n"), ("a byte order mark", f"\ufeff{WORDS}\n")):
        text = f"{words}{LINES}\n{sign(words)}"
        why = "all before the keys was signed as it is"
        yield accept(f"message, {name} around it", f"{name} around the words was signed", text, why, Signed(words))
    for name, words in (
        ("a label at its end", f"{WORDS}\n\nRing:"),
        ("Message: in it", f"Message: {WORDS}"),
        ("a fence", f"```\n{WORDS}\n```"),
        ("a rule", f"{WORDS}\n\n---\n\nMore."),
        ("a line that only looks like a label", f"Signature: mine\n{WORDS}"),
        ("hashtags and a link", f"{WORDS} #leak https://example.org/minutes.jpg"),
        ("a name before its end", f"{WORDS}\nAlice"),
        ("a dash at its end", "We have known -"),
        ("a colon at its end", "We know who:"),
        ("Arabic with marks of direction", "\u200f\u0646\u062d\u0646 \u0646\u0639\u0631\u0641\u200f"),
        ("many lines", "\n\n".join(f"Paragraph {number}." for number in range(1, 30))),
    ):
        text = f"{words}\n{' '.join(HEX)}\n{compact(sag(words, RING, SIGNER))}"
        why = "all that the ring signed is its words, whatever it looks like"
        yield accept(f"message, {name}", f"the words hold {name}", text, why, Signed(words))
