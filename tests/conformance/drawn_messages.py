"""Messages and what people put around them, drawn from a seed."""

import random

from tests.conformance.drawn_labels import EMPHASES, draw_label, often
from tests.conformance.notes import hex_of, npub_of

_SPARE_KEYS = (*npub_of(20, 21), *hex_of(22, 23))
PAIRS = ('""', "''", "``", "“”", "„“", "„”", "«»", "‘’", "<>", "[]", "「」", "»«", "””", "‚‘", "『』", "()", '"”')
FENCES = ("```", "```", "```json", "```text", "```js", "````")
RULES = ("---", "-----", "***", "* * *", "- - -", "===", "—", "——", "___", "--", "****", "- - - ", "_ _ _", "+++")
BREAKS = ("\n", "\n\n", "\n\n", "\r\n", " \n", "\n\t\n", "\n\u00a0\n", "\n\u200b\n", "", " ", "\u2028", "\n\n\n")
WORDS = (
    *("We have known since March.", "We have known since March.", "Yes.", "«Nein»", '"x"', '""', "> cited", "x\r\ny"),
    *("One line\nand another", "One\n\n> two\n> three\n", " ends with spaces \n", "\u00a0between\u00a0"),
    *("\u200bzero\u200b", "```\ncode\n```", "```\nopen", "a\n---", "---\nb", "Note: to all", "We say:\nMessage: no"),
    *("a\nText:\nb", "**bold**", "Ring:", "Ring: we are", "\U0001f600 \U0001f600", "A line\nSignature:", "「はい」"),
    *("“open", "x”", "\n\nlate", "***", f"Ask {_SPARE_KEYS[0]}.", f"Ask {_SPARE_KEYS[2]}, {_SPARE_KEYS[3]}"),
    *(f"Keys:\n{_SPARE_KEYS[0]}\n{_SPARE_KEYS[1]}", "nostr-ring-note:x", "> a\n>b\n\n>  c", "“Two”\n“quotes”"),
    *("\u202fthin\u202f", "＊", "*Message:* in it", "  ", "\n"),
)


def draw_message(rng: random.Random) -> tuple[str, str]:
    """Return what is signed, and how the message stands in the text."""
    written = rng.choice(WORDS) if rng.random() < 0.6 else WORDS[0]
    states = [written]
    dresses = (_quote, _quote, _cite, _fence, _announce, _announce, _announce, _rule, _embolden)
    for _ in range(rng.choice((0, 0, 1, 1, 2, 3))):
        states.append(rng.choice(dresses)(rng, states[-1]))
    signed = states[0] if rng.random() < 0.7 else rng.choice(states)
    match rng.randrange(12):
        case 0:
            signed = signed.strip(" \t\r\n")
        case 1:
            signed += "\n"
        case 2:
            signed = signed.replace("\r\n", "\n") + rng.choice(("", "\n"))
        case 3:
            signed += rng.choice((" ", "\u200b", "\r\n", "\n\n"))
    return signed, states[-1]


def _quote(rng: random.Random, text: str) -> str:
    pair = rng.choice(PAIRS)
    space = often(rng, "", (" ", "\u00a0", "\u202f", "\n", "\u200b"), 0.2)
    return pair[0] + space + text + space + pair[1]


def _cite(rng: random.Random, text: str) -> str:
    mark = rng.choice(("> ", ">", "> ", ">  "))
    return "\n".join(mark + line if line.strip() or rng.random() < 0.5 else line for line in text.split("\n"))


def _fence(rng: random.Random, text: str) -> str:
    last = often(rng, "```", (*FENCES, ""), 0.1)
    return rng.choice(FENCES) + often(rng, "\n", BREAKS, 0.1) + text + often(rng, "\n", BREAKS, 0.1) + last


def _announce(rng: random.Random, text: str) -> str:
    return draw_label(rng, "message") + rng.choice((" ", "\n", "\n\n", "", "\r\n", "\n\u00a0\n")) + text


def _rule(rng: random.Random, text: str) -> str:
    rule = rng.choice(RULES)
    return rng.choice((f"{rule}\n{text}", f"{text}\n{rule}", f"{rule}\n{text}\n{rule}"))


def _embolden(rng: random.Random, text: str) -> str:
    mark = rng.choice(EMPHASES)
    return mark + text + mark
