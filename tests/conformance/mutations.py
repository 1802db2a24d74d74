"""Small changes of valid ring notes, drawn from a seed. The author signs each again, so that it reaches the ring's rules."""

import base64
import json
import random
import re
from collections.abc import Callable
from typing import Any

from relay.protocol.event import Event
from tests.conformance.notes import AUTHOR, hex_of, make_event, npub_of

OTHER_AUTHOR = AUTHOR + 1
Tags = list[list[str]]
Mutation = Callable[[random.Random, Event], Event]

_BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_RING_A = re.compile(r"ringA[A-Za-z0-9_-]{100,}")
_JSON = re.compile(r'\{\s*"c0".*?\]\s*\}', re.DOTALL)
_KEY = re.compile(r"(?<![0-9A-Za-z])(?:[0-9a-f]{64}|npub1[a-z0-9]{58})(?![0-9A-Za-z])")
_NPUBS = dict(zip(hex_of(*range(12), AUTHOR), npub_of(*range(12), AUTHOR), strict=True))
_HEXES = {npub: key for key, npub in _NPUBS.items()}
# What people, clients and mischief put around messages, keys, labels and signatures.
_SCRAPS = (
    *(
        " ",
        "\n",
        "\t",
        "\r\n",
        "  \n",
        ",",
        ", ",
        "'",
        '"',
        "`",
        "[",
        "]",
        "- ",
        "* ",
        "-",
        "1. ",
        "2) ",
        "3. ",
        ".",
        ";",
    ),
    *("\n---\n", "\n```\n", "\n```json\n", "```", "\nRing:\n", "\nMembers:", "\n**Signature:**\n", "Message: "),
    *("\nMessage:\n", "## Ring:", "nostr:", "0x", "x", "word", "\u00a0", "\u2028", "\u017f", "\x0b", "\x1c", "{", "}"),
    *("\\", "\0", "#", "_", ":", "٣", "é", "\U0001f600"),
)
_HARMFUL_TAGS = (
    ("ring",),
    ("ringsig", "x"),
    ("ring-members",),
    ("scope", "poll"),
    ("R", "x"),
    ("J", "x"),
    ("nonce", "1"),
)
# Some repeat the words of some notes; the rest say something else.
_OTHER_TAGS = (
    *(("t", "news"), ("t", "Minutes"), ("t", "minute"), ("t", "März_2", ""), ("t", "end", "#end"), ("p", "ab" * 32)),
    *(
        ("p", *hex_of(7)),
        ("p", *hex_of(8)),
        ("p", *hex_of(9)),
        ("p", *hex_of(7), "", "Ask"),
        ("p", *hex_of(9), "", "x"),
    ),
    *(
        ("client", ""),
        ("r", "We"),
        ("r", "x"),
        ("r", "March."),
        ("r", "Message:"),
        ("nonce", "7", "0"),
        ("nonce", "7", "x"),
    ),
    *(
        ("imeta", "url We"),
        ("imeta", "url Ask", "dim 1x1"),
        ("imeta", "url We", "alt x"),
        ("imeta", "url We", "m image/png"),
    ),
)


def mutate(rng: random.Random, event: Event) -> tuple[str, Event]:
    """Return the names of one to three mutations, and what they make of the event."""
    names = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        mutation = rng.choice(_MUTATIONS)
        event = mutation(rng, event)
        names.append(mutation.__name__)
    return "+".join(names), event


def _edit(event: Event, **changes: Any) -> Event:
    fields = {"content": event.content, "tags": event.tags, "kind": event.kind, "created_at": event.created_at}
    return make_event(**{**fields, "author": AUTHOR, **changes})


def change_event(rng: random.Random, event: Event) -> Event:
    """Change what the ring signs in a bound note only: author, time, kind."""
    return rng.choice(
        (
            lambda: _edit(event, author=OTHER_AUTHOR),
            lambda: _edit(event, created_at=event.created_at + 1),
            lambda: _edit(event, kind=rng.choice((0, 1, 7, 1018, 30023))),
        )
    )()


def insert_scrap(rng: random.Random, event: Event) -> Event:
    """Put a scrap before or behind a key, a signature, a line or the whole content."""
    places = {0, len(event.content), *(place for m in _KEY.finditer(event.content) for place in m.span())}
    for pattern in (_RING_A, _JSON):
        places.update(place for match in pattern.finditer(event.content) for place in match.span())
    places.update(match.start() for match in re.finditer(r"\n", event.content))
    place = rng.choice(sorted(places))
    return _edit(event, content=event.content[:place] + rng.choice(_SCRAPS) + event.content[place:])


def delete_characters(rng: random.Random, event: Event) -> Event:
    if not event.content:
        return event
    # White space, punctuation and label letters, more often than the digits of a key.
    places = [place for place, character in enumerate(event.content) if not character.isalnum()]
    start = rng.choice(places) if places else rng.randrange(len(event.content))
    return _edit(event, content=event.content[:start] + event.content[start + rng.choice((1, 1, 2)) :])


def flip_in_signature(rng: random.Random, event: Event) -> Event:
    """Change one character of a signature, wherever the note has it."""

    def flip(text: str) -> str:
        found = _RING_A.search(text) or _JSON.search(text)
        if found is None:
            return text
        place = rng.randrange(*found.span())
        return text[:place] + rng.choice(_BASE64URL) + text[place + 1 :]

    tags = [[flip(value) if index == 1 else value for index, value in enumerate(tag)] for tag in event.tags]
    return _edit(event, content=flip(event.content), tags=tags)


def change_cbor(rng: random.Random, event: Event) -> Event:
    """Change, insert or delete a byte inside compact signatures, which stay base64url."""

    def change(match: re.Match[str]) -> str:
        text = match[0][5:]
        if len(text) % 4 == 1:  # An earlier mutation took or added characters: one alone holds no byte.
            text = text[:-1]
        cbor = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        # The first bytes and those around the arrays' heads decide more than the others.
        marks = [found.start() + rng.randrange(3) for found in re.finditer(rb"\x98\x20|\x61|\x18\x18", cbor)]
        place = min(rng.choice((rng.randrange(len(cbor)), *marks)), len(cbor) - 1)
        byte = bytes([rng.choice((0x00, 0x17, 0x18, 0x19, 0x20, 0x21, 0x58, 0x98, 0x9F, 0xFF, rng.randrange(256)))])
        new, skipped = rng.choice(((byte, 1), (byte, 0), (b"", 1)))
        cbor = cbor[:place] + new + cbor[place + skipped :]
        return "ringA" + base64.urlsafe_b64encode(cbor).rstrip(b"=").decode()

    tags = [[_RING_A.sub(change, value) for value in tag] for tag in event.tags]
    return _edit(event, content=_RING_A.sub(change, event.content), tags=tags)


def change_tags(rng: random.Random, event: Event) -> Event:
    """Move, repeat, remove or change a tag or an element of one."""
    tags: Tags = [list(tag) for tag in event.tags]
    if not tags:
        return add_tag(rng, event)
    index = rng.randrange(len(tags))
    tag = tags[index]
    match rng.randrange(5):
        case 0:
            tags.insert(rng.randrange(len(tags)), tags.pop(index))
        case 1:
            tags.insert(rng.randrange(len(tags) + 1), tag)
        case 2:
            del tags[index]
        case 3:
            tag.append(rng.choice(("", "0", "x")))
        case _:
            place = rng.randrange(len(tag))
            tag[place] = rng.choice((tag[place].upper(), tag[place] + " ", tag[place][:-1], "", "0x" + tag[place]))
    return _edit(event, tags=tags)


def add_tag(rng: random.Random, event: Event) -> Event:
    added = rng.choice(_OTHER_TAGS if rng.random() < 0.8 else _HARMFUL_TAGS)
    place = rng.choice((0, len(event.tags)))
    return _edit(event, tags=[*event.tags[:place], added, *event.tags[place:]])


def swap_keys(rng: random.Random, event: Event) -> Event:
    """Exchange two keys, in the tag or in the content."""
    for index, tag in enumerate(event.tags):
        if tag[0] in ("ring", "ring-members") and len(tag) > 2:
            one, other = rng.sample(range(1, len(tag)), 2)
            swapped = list(tag)
            swapped[one], swapped[other] = swapped[other], swapped[one]
            return _edit(event, tags=[*event.tags[:index], swapped, *event.tags[index + 1 :]])
    keys = _KEY.findall(event.content)
    if len(set(keys)) < 2:
        return event
    one, other = rng.sample(sorted(set(keys)), 2)
    return _edit(event, content=_KEY.sub(lambda m: {one: other, other: one}.get(m[0], m[0]), event.content))


def respell_keys(rng: random.Random, event: Event) -> Event:
    """Write some of the content's keys as npub or hex, as a mention, or in upper case."""
    style = rng.choice(("other", "other", "other", "nostr", "upper"))
    names = {**_NPUBS, **_HEXES}

    def respell(match: re.Match[str]) -> str:
        key = match[0]
        if rng.random() < 0.5:
            return key
        if style == "upper":
            return key.upper()
        return "nostr:" + _NPUBS.get(key, key) if style == "nostr" else names.get(key, key)

    return _edit(event, content=_KEY.sub(respell, event.content))


def respell_json(rng: random.Random, event: Event) -> Event:
    """Write JSON, of a signature or as the content, with other white space, order, escapes, or a member repeated."""

    def respell(text: str) -> str:
        try:
            value = json.loads(text)
        except ValueError:
            return text
        if not isinstance(value, dict):
            return text
        pairs = list(value.items())
        rng.shuffle(pairs)
        if rng.random() < 0.15:
            pairs.append(rng.choice(pairs))
        if rng.random() < 0.1:
            pairs.append(("more", ""))
        body = json.dumps(dict(enumerate(value for _, value in pairs)), indent=rng.choice((None, 0, 1, 2, "\t")))
        for index, (name, _) in enumerate(pairs):
            body = body.replace(f'"{index}":', json.dumps(name) + rng.choice((":", " : ")), 1)
        return body.replace("e", "\\u0065", 1) if rng.random() < 0.15 else body

    tags = [[respell(value) if tag[0] == "ring-signature" else value for value in tag] for tag in event.tags]
    content = respell(event.content)
    if content == event.content:
        content = _JSON.sub(lambda match: respell(match[0]), content)
    return _edit(event, content=content, tags=tags)


def respell_labels(rng: random.Random, event: Event) -> Event:
    """Put another label, or other separators, in the place of one, or other ends to the lines."""
    old, new = rng.choice(
        (
            *((r"(?m)^Ring:", label) for label in ("Members:", "## ring MEMBERS:", "**Ring**:", "Ring", "Signers:")),
            *(
                (r"(?m)^Signature:", label)
                for label in ("Ring signature:", "__Signature:__", "---", "Sig:", "message:")
            ),
            *((r"\n", end) for end in ("\r\n", "\n\n", " \n", "\n\t", "\u2028", "\x0b\n")),
            *((r"(?m)^(?=npub1)", mark) for mark in ("- ", "* ", "1. ", "+ ", "'", "[ ", "nostr:")),
            *((r", ", separator) for separator in (",", "\n", " , ", "; ", ",,")),
        )
    )
    return _edit(event, content=re.sub(old, new.replace("\\", "\\\\"), event.content))


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
    return _edit(event, content=event.content.replace(old, new))


_MUTATIONS: tuple[Mutation, ...] = (
    change_event,
    insert_scrap,
    insert_scrap,
    insert_scrap,
    delete_characters,
    flip_in_signature,
    change_cbor,
    change_tags,
    add_tag,
    swap_keys,
    respell_keys,
    respell_json,
    respell_labels,
    respell_labels,
    edit_message,
)
