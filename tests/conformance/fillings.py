"""Ring notes in a text that are right but for one place, which is filled with random tokens of the grammar.

Where whole notes are drawn, most have several faults, and a verifier may refuse one for another reason than the next. These
have at most the one that their filling makes.
"""

import random
from collections.abc import Sequence

from relay.protocol.event import Event
from tests.conformance.drawn_labels import LABELS, respell
from tests.conformance.notes import compact, hex_of, make_event, nprofile_of, npub_of
from tests.conformance.signing import sag


def _split(words: str) -> list[str]:
    return words.split()


_TEXT = "We have known since March."
_SPACES = (" ", " ", "\n", "\t", "\r\n", "\u00a0", "\u200b", "  ", "\n\n", "\ufeff", "\u202f")
_SEPARATORS = (
    *(",", ";", "|", "、", "，", "；", ".", ", ", " and ", "\n"),
    *("and", "und", "y", "e", "&", "+", "и", "or", "et"),
)
_MARKS = ("-", "- ", "* ", "*", "•", "> ", ">", "1.", "1. ", "2. ", "(1) ", "2)", "2: ", "·", "– ", "+ ", "01. ", "—")
_QUOTES = (*"\"'`“”«»„[](){}<>@_", "**", "__", "[ ", " )")
_NAMES = (
    *("Ann", "Bob", "Zoe Z.", "Eve 2", "田中", "Зоя", "Ring", "Keys", "Jean-Luc"),
    *("not", "No", "keine", "не", "不", "Nina", "not Ann", "Non."),
    *("é", "2", "of us", "y", "B.", "Ann1", "ß", "o'"),
)
# All words for "and", what looks like one, and all words that deny.
_ANDS = _split("and or und oder et ou y e o en of i lub и или & + And nor ed а")
_NEGATIONS = (
    *_split("no Non not Never nicht Nie niemals nunca Não niet nooit nigdy kein Keine pas Jamais mai without Ohne"),
    *_split("sans sin Sem senza zonder Bez не Не без Без 不 没 非 無 НЕ Keiner Nota Sinn NOT 无"),
)
# At the borders of what is a letter, and beyond them.
_LETTERS = (
    *"AZazÀÖØöø\u024f\u0386\u0388\u03ff\u0400\u0481\u048a\u052f\u05d0\u05ea\u0620\u064a\u1e00\u1eff",
    *"\u3041\u3096\u30a1\u30fa\u30fc\u4e00\u9fff\uac00\ud7a3",
    *"×÷\u0250\u0385\u0387\u0482\u0489\u0530\u05cf\u05eb\u061f\u064b\u1dff\u1f00\u3040\u3097\u30fb\ua000\ud7a4ªµ",
)
_SIGNS = (
    *(":", ": ", " - ", "-", "=", " = ", "#", " – ", "–", "::"),
    *("(Ann)", " (Bob)", "[Ann]", "[Bob](", "@Ann", "Ann: ", " - Ann"),
)
_ITEMS = ("{}", "Ann: {}", "{} (Ann)", "- {}", "[Ann]({})", "{} - Ann", "“{}”", "Ann {}", "- Ann: {}", "{} Ann")
_RULES = (
    *("---", "----", "* * *", "- - -", "___", "===", "—", "——", "———"),
    *("————", "--", "***", "- -", "_ _ _", "****", "— —", "-", "====="),
)
_PRINTED = (
    *("✓ Signature is valid!", "Is ring signature valid? true", "Signature valid: true", "Signing with SAG variant..."),
    *(
        "Signing with BLSAG variant...",
        "Signing with LSAG variant...",
        "Signature valid: false",
        "✓ signature is valid!",
    ),
)
_FENCES = ("```", "```json", "```text", "```", "```py", "~~~")
_LABEL_PARTS = (
    *("#", "## ", "### ", "**", "__", "*", "_", ":", " :", "：", ">", "> "),
    *("\u00a0", "\u202f", "\u200b", ".", " ", "\r", "'"),
)
_RING_LABELS = ("Ring:\n", "Ring:\n", "Ring:", "", "> **Ring**\n", "  Ring:  \n", "Ring\n", "Ring members: ", "Ring：")
_MESSAGE_LABELS = (
    *("Message:", "**Text:**", "Note: ", "## Message", "Message: "),
    *("\nMessage:\n", "> Message:\n", "__Note__:", "\nTexte :", "**Note:**: "),
)
_MESSAGE_SIGNS = (
    *"\"'`“”„«»‘’‚「」『』<>()[]",
    *("**", "*", "> ", ">", ":", "\u202f", "\u00a0", " ", "\r\n", "\n", "\n", "\n\n", "\u200b"),
)
_MESSAGE_PAIRS = (
    *('""', "“”", "„“", "«»", "»«", "‘’", "「」", "‚‘", "””", "``", "<>"),
    *(("**", "**"), ("```\n", "\n```")),
)
_WORDS = (
    *(_TEXT, _TEXT, "We have\nknown.", "We have\r\nknown.", "> We\n> have"),
    *(">We\n\n> have", "Note: x\nText: y", "\u200b", "\u00a0a"),
)
# The message and the keys of the members: people write them in this order, mostly.
_ORDERS = (
    *("{0}\n\nRing:\n{1}\n\nSIGNATURE",) * 3,
    *("Ring:\n{1}\n{0}\nSIGNATURE", "SIGNATURE\nRing:\n{1}\n{0}", "{0}SIGNATURE\n{1}", "{0}{1}SIGNATURE"),
)


def draw_filled(rng: random.Random) -> tuple[str, Event]:
    """Return the name of form D, and a note of it."""
    return "text", rng.choice(_FILLINGS)(rng)


def _join(rng: random.Random, tokens: Sequence[str], most: int) -> str:
    count = min(rng.choice((0, 1, 1, 2, 2, 3, 3, 4, 6)), most)
    return "".join(rng.choice(tokens) for _ in range(count))


def _draw_keys(rng: random.Random) -> tuple[list[int], list[str], list[str]]:
    """Return a ring, how its keys are written, and the digits that are signed."""
    ring = rng.sample(range(12), rng.choice((2, 2, 3)))
    keys = hex_of(*ring)
    match rng.randrange(4):
        case 0:
            return ring, keys, keys
        case 1:
            return ring, npub_of(*ring), keys
        case 2:
            return ring, ["nostr:" + nprofile_of(number) for number in ring], keys
        case _:
            points = [rng.choice(("02", "03")) + key for key in keys]
            return ring, points, points


def _make(rng: random.Random, ring: list[int], keys: list[str], content: str, text: str = _TEXT) -> Event:
    """Sign, and write the signature where the content has a word for it."""
    return make_event(content.replace("SIGNATURE", compact(sag(text, ring, rng.choice(ring), written=keys))))


def _fill_gaps(rng: random.Random) -> Event:
    """Fill what stands between the members, and now and then what stands before the first and behind the last."""
    ring, written, keys = _draw_keys(rng)
    tokens = (*_SPACES, *_SEPARATORS, *_SEPARATORS, *_MARKS, *_QUOTES, *_NAMES, *_SIGNS)
    gap = _join(rng, tokens, 6)
    before = rng.choice(("", "", "", _join(rng, tokens, 3), gap, "(", "[", "[Ann](", "Ann: ", "1. ", "- "))
    after = rng.choice(("", "", "", _join(rng, tokens, 3), ")", "]", " (Ann)", " - Ann", gap, '"', ","))
    if rng.random() < 0.3:
        left, right = rng.choice(("()", "[]", "<>", '""', "''", "“”", "„“", "{}", "``"))
        written = [left + key + right for key in written]
    label = rng.choice(("Ring:\n", "Ring:\n", "Ring: ", ""))
    return _make(rng, ring, keys, f"{_TEXT}\n\n{label}{before}{gap.join(written)}{after}\n\nSIGNATURE")


def _fill_words(rng: random.Random) -> Event:
    """Write a word between the members, or a name beside them all."""
    ring, written, keys = _draw_keys(rng)
    gap = rng.choice((", ", "\n", " {} ", ", {} ", "\n{} ", " {}\n", ",{} ", "{} ", " {}, ")).format(rng.choice(_ANDS))
    name = rng.choice(
        (rng.choice(_NEGATIONS), rng.choice(_ANDS), rng.choice(_LETTERS) + "x", "x" + rng.choice(_LETTERS))
    )
    name = rng.choice(("", "Ann ", "@")) + name + rng.choice(("", "", " Bob", ".", " 7", " x", "..", " 7 8", " Bob 7"))
    item = rng.choice(("{}", "{}", *_ITEMS, "[@Ann]({})")).replace("Ann", name)
    members = gap.join(item.replace("{}", key) for key in written)
    return _make(rng, ring, keys, f"{_TEXT}\n\nRing:\n{members}\n\nSIGNATURE")


def _fill_ends(rng: random.Random) -> Event:
    """Fill what stands before and behind a list that is right, with names or without."""
    ring, written, keys = _draw_keys(rng)
    tokens = (*_SPACES, *_MARKS, *_QUOTES, *_NAMES, *_SIGNS, "Ring:", "\nRing:\n", "Ring: ", "\n", ",", ".", ";")
    item = rng.choice(_ITEMS)
    members = rng.choice(("\n", ", ", "; ")).join(item.format(key) for key in written)
    before = _join(rng, tokens, 4) if rng.random() < 0.6 else ""
    label, after = rng.choice(_RING_LABELS), _join(rng, tokens, 4)
    return _make(rng, ring, keys, f"{_TEXT}\n\n{label}{before}{members}{after}\n\nSIGNATURE")


def _fill_line(rng: random.Random) -> Event:
    """Fill a line that nobody signed, or that was signed with the words."""
    ring, written, keys = _draw_keys(rng)
    line = _draw_line(rng)
    lines = [_TEXT, "Ring:", *written, "SIGNATURE"]
    lines.insert(rng.randrange(len(lines) + 1), line)
    content = rng.choice(("\n", "\n", "\r\n", "\n\n")).join(lines)
    text = rng.choice((_TEXT, _TEXT, _TEXT, f"{line}\n{_TEXT}", f"{_TEXT}\n{line}"))
    return _make(rng, ring, keys, content, text)


def _draw_line(rng: random.Random) -> str:
    """Return what is a label, a rule, a fence, or nearly one."""
    if rng.random() < 0.1:
        return rng.choice(_PRINTED)
    if rng.random() < 0.3:
        return _join(rng, (*_RULES, *_RULES, *_SPACES, ">", "> ", *_FENCES), 3)
    name = rng.choice(LABELS[rng.choice(list(LABELS))])
    name = respell(rng, rng.choice((name, name, name.capitalize(), name.upper(), name.replace(" ", "  "), name + "s")))
    ends = _join(rng, _LABEL_PARTS, 2), _join(rng, _LABEL_PARTS, 2)
    line = rng.choice((name.join(ends), name + ":", _join(rng, (*_LABEL_PARTS, name, name, name), 5)))
    mark = rng.choice(("", "", "**", "__", "*", "_"))
    return mark + line + mark


def _fill_message(rng: random.Random) -> Event:
    """Fill what stands around the words, of which some was signed with them."""
    ring, written, keys = _draw_keys(rng)
    lines = [f"\n{token}\n" for token in (*_RULES[:6], *_FENCES, *_FENCES, "> x", "x")]
    tokens = (*_MESSAGE_SIGNS, *_MESSAGE_SIGNS, *[rng.choice(_MESSAGE_LABELS)] * 2, *lines)
    left, right = _join(rng, tokens, 2), _join(rng, tokens, 2)
    if rng.random() < 0.4:
        pair = rng.choice(_MESSAGE_PAIRS)
        left, right = pair[0], pair[1]
    words = rng.choice(_WORDS)
    inside = left + words + right
    whole = _join(rng, tokens, 3) + inside + _join(rng, tokens, 3)
    changed = words.replace("\r\n", "\n"), words + "\n", words.strip("\u00a0"), whole.strip(" \t\r\n")
    content = rng.choice(_ORDERS).format(whole, "\n".join(written))
    if rng.random() < 0.1:
        content = "\n".join("> " + line for line in content.split("\n"))
    return _make(rng, ring, keys, content, rng.choice((words, words, inside, whole, *changed)))


def _fill_limits(rng: random.Random) -> Event:
    """Write a space, a name, a rule or a label that is nearly as long as it may be, or longer."""
    ring, written, keys = _draw_keys(rng)
    space = rng.choice((" ", " ", "\t", "\u00a0", "\u200b", "\n", "\U0001f642", "x"))
    many = space * rng.randrange(188, 204)
    some = space * rng.randrange(108, 121)
    long = rng.choice(("x" * 16, "Зоя12" * 3, "田" * 8, "O'" * 8, "x" * 16 + ".")) + rng.choice(
        ("", "", "x", ".", "田", "1")
    )
    rule = rng.choice(("- ", "* ")) * rng.randrange(18, 22)
    ends = {
        "labelled": ("Ring:" + many, ""),
        "labelled, two lists": (f"{', '.join(hex_of(20, 21, 22))}\nRing:{many}", ""),
        "left": (f"Ring:\n{rng.choice(('', 'Keys: ', 'x: '))}Ann:{some}", ""),
        "mark": (f"Ring:\n{rng.choice(('-', '*', '1.', 'x -'))}{some}", ""),
        "name": (f"Ring:\n{long}: ", ""),
        "name behind": ("Ring:\n", f" ({long})"),
        "label": (f"#{' ' * rng.randrange(72, 78)}Ring:\n", ""),
        "rule": (f"{rule}{rule[:1]}\nRing:\n", f"\n{rule}"),
    }
    before, after = ends[rng.choice(list(ends))]
    return _make(rng, ring, keys, f"{_TEXT}\n{before}{', '.join(written)}{after}\n\nSIGNATURE")


_FILLINGS = (
    _fill_gaps,
    _fill_gaps,
    _fill_words,
    _fill_words,
    _fill_ends,
    _fill_line,
    _fill_message,
    _fill_message,
    _fill_limits,
)
