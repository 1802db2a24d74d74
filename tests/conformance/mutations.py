"""Small changes of valid ring notes, drawn from a seed. The author signs each again, so that it reaches the ring's rules."""

import base64
import json
import random
import re
from collections.abc import Callable

from relay.protocol.event import Event
from tests.conformance.mutated_texts import (
    JSON,
    RING_A,
    add_names,
    delete_characters,
    edit,
    edit_message,
    insert_scrap,
    quote,
    respell_keys,
    respell_labels,
    swap_keys,
)
from tests.conformance.notes import AUTHOR, hex_of

OTHER_AUTHOR = AUTHOR + 1
Tags = list[list[str]]
Mutation = Callable[[random.Random, Event], Event]
_BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
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


def change_event(rng: random.Random, event: Event) -> Event:
    """Change what the ring signs in a bound note only: author, time, kind."""
    return rng.choice(
        (
            lambda: edit(event, author=OTHER_AUTHOR),
            lambda: edit(event, created_at=event.created_at + 1),
            lambda: edit(event, kind=rng.choice((0, 1, 7, 1018, 30023))),
        )
    )()


def flip_in_signature(rng: random.Random, event: Event) -> Event:
    """Change one character of a signature, wherever the note has it."""

    def flip(text: str) -> str:
        found = RING_A.search(text) or JSON.search(text)
        if found is None:
            return text
        place = rng.randrange(*found.span())
        return text[:place] + rng.choice(_BASE64URL) + text[place + 1 :]

    tags = [[flip(value) if index == 1 else value for index, value in enumerate(tag)] for tag in event.tags]
    return edit(event, content=flip(event.content), tags=tags)


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

    tags = [[RING_A.sub(change, value) for value in tag] for tag in event.tags]
    return edit(event, content=RING_A.sub(change, event.content), tags=tags)


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
    return edit(event, tags=tags)


def add_tag(rng: random.Random, event: Event) -> Event:
    added = rng.choice(_OTHER_TAGS if rng.random() < 0.8 else _HARMFUL_TAGS)
    place = rng.choice((0, len(event.tags)))
    return edit(event, tags=[*event.tags[:place], added, *event.tags[place:]])


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
        content = JSON.sub(lambda match: respell(match[0]), content)
    return edit(event, content=content, tags=tags)


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
    respell_keys,
    add_names,
    quote,
    respell_json,
    respell_labels,
    respell_labels,
    edit_message,
)
