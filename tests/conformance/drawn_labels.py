"""The labels that docs/ring-notes.md lists, in their spellings, drawn from a seed: most right, some slightly wrong."""

import random
import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

_PAGE = Path(__file__).parents[2] / "docs" / "ring-notes.md"
_ROW = re.compile(r"^\| (message|members|signature) \| (.*) \|$", re.MULTILINE)
LABELS = {part: names.split(", ") for part, names in _ROW.findall(_PAGE.read_text())}
INVISIBLE = ("\u200b", "\u200d", "\u2060", "\ufeff", "\u00a0", "\u200c")
_COLONS = (":", ":", " :", "：", "", "\u00a0:", "\u202f:", "::", ": ", ".", " ：")
EMPHASES = ("**", "**", "__", "*", "_", "***", "~~")
_HEADINGS = ("# ", "## ", "### ", "###### ", "####### ", "##", "##  ", "> ", ">", " ", "\t", "> ## ", "")


def often(rng: random.Random, usual: str, others: Sequence[str], chance: float) -> str:
    """Return the usual, or by a chance one of the others."""
    return rng.choice(others) if rng.random() < chance else usual


def respell(rng: random.Random, name: str) -> str:
    """Return a name with other apostrophes, or its letters decomposed or composed, as it is read, or with one letter changed."""
    match rng.randrange(12):
        case 0 | 1:
            return unicodedata.normalize("NFD", name)
        case 2:
            return name.replace("'", "’")
        case 3:
            return name.translate({ord("s"): "ſ", ord("k"): "\u212a", ord("i"): "ı", ord(" "): "\u00a0"})
        case _:
            return name


def draw_label(rng: random.Random, part: str) -> str:
    """Return a label, mostly of this part, in one of its spellings."""
    name = rng.choice(LABELS[part if rng.random() < 0.95 else rng.choice(list(LABELS))])
    cased = rng.choice((name, name, name.capitalize(), name.title(), name.upper(), name.swapcase()))
    name = respell(rng, name[:1].upper() + name[1:] if rng.random() < 0.3 else cased)
    colon = often(rng, ":", _COLONS, 0.15)
    mark = often(rng, "**", EMPHASES, 0.3)
    shapes: Sequence[Callable[[], str]] = (
        lambda: name + colon,
        lambda: name + colon,
        lambda: f"{mark}{name}{colon}{mark}",
        lambda: f"{mark}{name}{mark}{colon}",
        lambda: f"{mark}{name}{often(rng, mark, EMPHASES, 0.1)}",
        lambda: f"{often(rng, '## ', _HEADINGS, 0.3)}{name}{often(rng, '', _COLONS, 0.3)}",
        lambda: f"{often(rng, '### ', _HEADINGS, 0.3)}{mark}{name}{colon}{mark}",
    )
    return (
        often(rng, "", ("> ", " ", *INVISIBLE), 0.06) + rng.choice(shapes)() + often(rng, "", (" ", *INVISIBLE), 0.04)
    )
