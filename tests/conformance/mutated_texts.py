"""Small changes of the text of a ring note: what stands around its keys, its words and its signature, and how they are written."""

import random
import re
from collections.abc import Callable
from typing import Any

from relay.protocol.event import Event
from tests.conformance.drawn_labels import draw_label
from tests.conformance.notes import AUTHOR, hex_of, make_event, nprofile_of, npub_of

RING_A = re.compile(r"ringA[A-Za-z0-9_-]{100,}")
JSON = re.compile(r'\{\s*"c0".*?\]\s*\}', re.DOTALL)
_KEY = re.compile(
    r"(?<![0-9A-Za-z])(?:(?:0[23])?[0-9a-f]{64}|npub1[a-z0-9]{58}|nprofile1[a-z0-9]{58,247})(?![0-9A-Za-z])"
)
_NUMBERS = (*range(12), AUTHOR)
_NPUBS = dict(zip(hex_of(*_NUMBERS), npub_of(*_NUMBERS), strict=True))
_PROFILES = dict(zip(hex_of(*_NUMBERS), map(nprofile_of, _NUMBERS), strict=True))
_HEXES = {spelling: key for key in _NPUBS for spelling in (key, "02" + key, "03" + key, _NPUBS[key], _PROFILES[key])}
_NAMES = ("Ann", "Bob B", "Zoe", "Ring", "田中", "and", "Eve 2", "Jean-Luc.", "no name at all")
# A line that begins with a key, and one that ends with it.
_LINE_START = r"^(?=(?:nostr:)?(?:0[23])?(?:npub1|nprofile1|[0-9a-f]{64}))"
_LINE_END = r"(?<=[a-z0-9]{58})\r?$"
# What people, clients and mischief put around messages, keys, labels and signatures.
_SCRAPS = (
    *(" ", "\n", "\t", "\r\n", "  \n", ",", ", ", "'", '"', "`", "[", "]", "- ", "* ", "-", "1. ", "2) ", "3. ", "."),
    *(";", "\n---\n", "\n```\n", "\n```json\n", "```", "\nRing:\n", "\nMembers:", "\n**Signature:**\n", "Message: "),
    *("\nMessage:\n", "## Ring:", "nostr:", "0x", "x", "word", "\u00a0", "\u2028", "\u017f", "\x0b", "\x1c", "{"),
    *("}", "> ", ">", "\u200b", "\ufeff", "\u2060", "\u202f", "\n>", "\n> ", "\n\u00a0\n", "**", "__", "“", "”", "«"),
    *("»", "<", "(", "• ", "+ ", "– ", ") ", "1: ", " and ", "\nand ", " (Ann)", "Ann: ", "@", "\n----\n", "* * *"),
    *("\n—\n", "\nText:\n", ". ", "\\", "\0", "#", "_", ":", "٣", "é", "\U0001f600"),
)


def edit(event: Event, **changes: Any) -> Event:
    fields = {"content": event.content, "tags": event.tags, "kind": event.kind, "created_at": event.created_at}
    return make_event(**{**fields, "author": AUTHOR, **changes})


def insert_scrap(rng: random.Random, event: Event) -> Event:
    """Put a scrap before or behind a key, a signature, a line or the whole content."""
    places = {0, len(event.content), *(place for m in _KEY.finditer(event.content) for place in m.span())}
    for pattern in (RING_A, JSON):
        places.update(place for match in pattern.finditer(event.content) for place in match.span())
    places.update(match.start() for match in re.finditer(r"\n", event.content))
    place = rng.choice(sorted(places))
    return edit(event, content=event.content[:place] + rng.choice(_SCRAPS) + event.content[place:])


def delete_characters(rng: random.Random, event: Event) -> Event:
    if not event.content:
        return event
    # White space, punctuation and label letters, more often than the digits of a key.
    places = [place for place, character in enumerate(event.content) if not character.isalnum()]
    start = rng.choice(places) if places else rng.randrange(len(event.content))
    return edit(event, content=event.content[:start] + event.content[start + rng.choice((1, 1, 2)) :])


def swap_keys(rng: random.Random, event: Event) -> Event:
    """Exchange two keys, in the tag or in the content."""
    for index, tag in enumerate(event.tags):
        if tag[0] in ("ring", "ring-members") and len(tag) > 2:
            one, other = rng.sample(range(1, len(tag)), 2)
            swapped = list(tag)
            swapped[one], swapped[other] = swapped[other], swapped[one]
            return edit(event, tags=[*event.tags[:index], swapped, *event.tags[index + 1 :]])
    keys = _KEY.findall(event.content)
    if len(set(keys)) < 2:
        return event
    one, other = rng.sample(sorted(set(keys)), 2)
    return edit(event, content=_KEY.sub(lambda m: {one: other, other: one}.get(m[0], m[0]), event.content))


def respell_keys(rng: random.Random, event: Event) -> Event:
    """Write some of the keys in another of their spellings, most often in one style."""
    styles: tuple[Callable[[str], str], ...] = (
        str,
        _NPUBS.__getitem__,
        _PROFILES.__getitem__,
        lambda key: "02" + key,
        lambda key: rng.choice(("02", "03")) + key,
        lambda key: rng.choice(("nostr:", "@", "@nostr:")) + rng.choice((_NPUBS, _PROFILES))[key],
        lambda key: rng.choice((key.upper(), "0x" + key, "04" + key, _NPUBS[key].upper())),
        lambda key: rng.choice((key, "02" + key, _NPUBS[key], _PROFILES[key])),
    )
    style, chance = rng.choice(styles), rng.choice((0.5, 1.0))

    def respell(match: re.Match[str]) -> str:
        key = _HEXES.get(match[0])
        return match[0] if key is None or rng.random() >= chance else style(key)

    tags = [[_KEY.sub(respell, value) for value in tag] if tag[0] == "ring-members" else tag for tag in event.tags]
    return edit(event, content=_KEY.sub(respell, event.content), tags=tags)


def add_names(rng: random.Random, event: Event) -> Event:
    """Write names beside the keys that begin or end a line, all on one side or, now and then, on any."""
    left = rng.choice(("{}: ", "{} - ", "**{}**: ", "{} ", "@{}: ", "- {}: ", '"{}" = '))
    right = rng.choice((" ({})", " - {}", " {}", "({})", ": {}", " (@{})"))
    sides = rng.choice(
        ((_LINE_START, left),) * 3 + ((_LINE_END, right),) * 3 + ((f"{_LINE_START}|{_LINE_END}", right),)
    )

    def name(match: re.Match[str]) -> str:
        return sides[1].format(rng.choice(_NAMES)) + match[0] if rng.random() < 0.9 else match[0]

    return edit(event, content=re.sub(sides[0], name, event.content, flags=re.MULTILINE))


def quote(rng: random.Random, event: Event) -> Event:
    """Write the whole text as a quotation, or put the message or the signature in quotes."""
    if rng.random() < 0.5:
        mark, blank = rng.choice((("> ", ">"), ("> ", ""), (">", ">"), (" >", " >"), ("> ", "> ")))
        lines = [(mark if line.strip() else blank) + line for line in event.content.split("\n")]
        return edit(event, content="\n".join(lines))
    pair = rng.choice(('""', "“”", "„“", "«»", "»«", "‘’", "<>", "()", "``", "『』", "““"))
    words = rng.choice((r"We have known since March\.", r"(?s)\A.*?(?=\n\n|\Z)", RING_A.pattern))
    return edit(event, content=re.sub(words, lambda match: pair[0] + match[0] + pair[1], event.content, count=1))


def respell_labels(rng: random.Random, event: Event) -> Event:
    """Put another label, or other separators, in the place of one, or other ends to the lines."""
    old, new = rng.choice(
        (
            *((r"^Ring:", label) for label in ("Members:", "## ring MEMBERS:", "**Ring**:", "Ring", "Signers:")),
            (r"^(Ring|Members|Ring members):", draw_label(rng, "members")),
            (r"^(Ring|Members|Ring members):", draw_label(rng, "members")),
            (r"^(?:\*\*)?(Signature|Ring signature):(?:\*\*)?", draw_label(rng, "signature")),
            (r"^(?:\*\*)?(Signature|Ring signature):(?:\*\*)?", draw_label(rng, "signature")),
            (r"^(?:\*\*)?Message:(?:\*\*)?", draw_label(rng, "message")),
            (r"\A", draw_label(rng, "message") + "\n"),
            *((r"^Signature:", label) for label in ("Ring signature:", "__Signature:__", "---", "Sig:", "message:")),
            *(
                (r"\n", end)
                for end in ("\r\n", "\r\n", "\n\n", " \n", "\n\t", "\u2028", "\x0b\n", "\n\u200b", "\u00a0\n")
            ),
            *(
                (_LINE_START, mark)
                for mark in ("- ", "* ", "1. ", "+ ", "'", "[ ", "nostr:", "• ", "-", "– ", "> ", "@", "·")
            ),
            *(
                (r", ", separator)
                for separator in (",", "\n", " , ", "; ", ",,", " | ", "、", " and ", ", and ", " und ", " & ")
            ),
            *(
                (r"(?<=[a-z0-9]{58})\n(?=[0-9n])", separator)
                for separator in (", ", " ", "; ", " and ", ", or\n", "\n\nand ", "\t")
            ),
        )
    )
    return edit(event, content=re.sub(old, new.replace("\\", "\\\\"), event.content, flags=re.MULTILINE))


def edit_message(rng: random.Random, event: Event) -> Event:
    """Change the words, or the white space at their ends."""
    old, new = rng.choice(
        (
            ("March", "April"),
            ("We", "We "),
            ("March.", "March. "),
            ("We ", " We "),
            ("March.", "March.\n"),
            ("We", "Message: We"),
        )
    )
    return edit(event, content=event.content.replace(old, new))
