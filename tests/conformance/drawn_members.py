"""Lists of members and what people write between and beside them, drawn from a seed: most right, some slightly wrong."""

import random
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.conformance.drawn_labels import draw_label, often
from tests.conformance.notes import hex_of, nprofile_of, npub_of

MEMBERS = 12
_NAMES = (
    *("Alice", "Alice", "Bob", "Зоя", "田中", "Jean-Luc", "J. R. Hacker", "O'Neil", "Mr. X", "and", "Ring", "Keys"),
    *("Eve", "Zoe", "Alice and Bob", "e.V.", "one two three four", "Anna 2", "2nd", "Al_", "@alice", "Noor 🙂"),
    *("x" * 24, "x" * 25, "Ring members", "Mitglieder", "öffentliche Schlüssel", "Öffentliche Schlüssel"),
    *("ÖFFENTLICHE SCHLÜSSEL", "the", "-a", "Alice -", "Alice.", "of us", "Éva", "e", "y.", "Anna  Bell", "o", "Sig"),
    *("\u0301x", "\u1680", "naïve", "Text", "not", "Nicht", "sans Ann", "Ann No", "Keine", "без", "無", "Mai", "Nota"),
)
_USUAL_NAMES = 9
_SEPARATORS = (
    *("\n", "\n", "\n", "\n\n", ", ", ", ", ",", " ", "\r\n", "; ", " and ", " und ", ", and ", ",\n", " | ", "、"),
    *("，", "\n- ", " y ", " & ", " + ", " \n ", ",,", ", , ", "\nand ", " and\n", "and ", " of ", "\u00a0"),
    *("\u200b", "; or ", "/", " и ", "\t", "\n\n\n", "\nor\n", " , ", ". ", "\n,\n", "；", " oder ", "\n> ", "\n—\n"),
    *(" i ", ", e ", " et\t"),
)
_USUAL_SEPARATORS = 20
MARKS = (
    *("- ", "* ", "• ", "•", "– ", "+ ", "> ", "· ", "‣", "-", "—\t", ">", "▪  ", "+", "*  ", "- - ", "1936. "),
    *("0. ",),
)
_NUMBERS = ("{}. ", "{}) ", "({}) ", "{}: ", "{}.", "({}. ", "0{}. ", "{}.  ", "#{} ", "{}\t")
_SIGNS = (": ", ": ", ":", " ", " - ", " = ", " – ", "  ", ": - ", "\t", ":  ", " : ", " — ", "#", "# ", " # ", "")
_USUAL_SIGNS = 7
_BRACKETS = ("[]", "()", "{}", "<>", "[", ")", "[ ]", "(\n)", "<]")


class Member(NamedTuple):
    """A member as it is written: the text, and its key in the digits that the ring signs."""

    text: str
    key: str


def draw_ring(rng: random.Random) -> tuple[list[int], list[Member]]:
    ring = rng.sample(range(MEMBERS), rng.choice((2, 2, 2, 3, 3, 4)))
    style = rng.choice((_as_npub, _as_npub, _as_hex, _as_hex, _as_point, _as_profile, draw_member, draw_member))
    return ring, [style(rng, number) for number in ring]


def _as_hex(rng: random.Random, number: int) -> Member:
    (key,) = hex_of(number)
    return Member(key.upper() if rng.random() < 0.02 else key, key)


def _as_point(rng: random.Random, number: int) -> Member:
    key = rng.choice(("02", "02", "02", "03")) + hex_of(number)[0]
    return Member(often(rng, "", ("04", "0x", "0x02"), 0.02) + key, key)


def _as_npub(rng: random.Random, number: int) -> Member:
    (npub,) = npub_of(number)
    if rng.random() < 0.02:
        npub = npub[:-1] + ("q" if npub[-1] != "q" else "p")
    return Member(npub, hex_of(number)[0])


def _as_profile(rng: random.Random, number: int) -> Member:
    profile = nprofile_of(number)
    return Member(profile[:-1] + "q" if rng.random() < 0.02 else profile, hex_of(number)[0])


def draw_member(rng: random.Random, number: int) -> Member:
    return rng.choice((_as_hex, _as_npub, _as_npub, _as_point, _as_profile))(rng, number)


def draw_list(rng: random.Random, members: Sequence[Member]) -> str:
    """Return a label, or none, and the members with what people write between and beside them."""
    label = (
        "" if rng.random() < 0.12 else draw_label(rng, "members") + rng.choice(("\n", "\n", "\n\n", " ", "\r\n", "\t"))
    )
    item = _draw_style(rng)
    separator = rng.choice(_SEPARATORS[:_USUAL_SEPARATORS] if rng.random() < 0.6 else _SEPARATORS)
    text = item(1, members[0])
    for place, member in enumerate(members[1:], 2):
        text += (
            often(rng, separator, _SEPARATORS, 0.06) + often(rng, "", (" ", "and ", "e "), 0.03) + item(place, member)
        )
    if rng.random() < 0.1:
        bracket = rng.choice(_BRACKETS)
        text = bracket[0] + rng.choice(("", " ", "\n")) + text + rng.choice(("", " ", "\n")) + bracket[-1]
    if rng.random() < 0.05:
        text = f"```\n{text}\n```"
    return label + text + often(rng, "", (",", ".", ";", ":", ",.", " .", " (the end)", " Alice"), 0.05)


def _draw_style(rng: random.Random) -> Callable[[int, Member], str]:
    """Return how each of a list's items is written; now and then one is written otherwise."""
    usual = rng.random() < 0.7
    marks = ["", "", "", "- ", "{}. ", "* "] if usual else ["", rng.choice(MARKS), rng.choice(_NUMBERS)]
    mark, name = rng.choice(marks), rng.choice((_no_name,) * 6 + _NAMING)
    sign = rng.choice(_SIGNS[:_USUAL_SIGNS] if rng.random() < 0.6 else _SIGNS)
    wrap = rng.choice(
        ("{}",) * 5 + ("`{}`", "'{}'", "[{}]", "<{}>", '"{}"', "**{}**", "({})", "“{}”", "[ '{}' ]", "`{}'")
    )
    prefix = rng.choice(("", "", "", "nostr:", "@", "@nostr:"))

    def write(place: int, member: Member) -> str:
        key = (
            member.text if member.text[0] != "n" else often(rng, prefix, ("@", "nostr:", "nostr:@"), 0.02) + member.text
        )
        key = often(rng, wrap, ("'{}", "{}`", "[{}]", "{}*"), 0.02).format(key)
        naming = _often_naming(rng, name)
        count = rng.choice((place - 1, place + 1, 100)) if rng.random() < 0.01 else place
        return often(rng, mark, MARKS, 0.02).format(count) + naming(rng, sign, key)

    return write


_Naming = Callable[[random.Random, str, str], str]


def _draw_name(rng: random.Random) -> str:
    return rng.choice(_NAMES[:_USUAL_NAMES] if rng.random() < 0.7 else _NAMES)


def _no_name(rng: random.Random, sign: str, key: str) -> str:
    return key


def _name_left(rng: random.Random, sign: str, key: str) -> str:
    quote = often(rng, "", ("**", "__", '"', "'"), 0.2)
    return quote + _draw_name(rng) + often(rng, "", (":",), 0.1) + quote + often(rng, sign, _SIGNS, 0.05) + key


def _name_right(rng: random.Random, sign: str, key: str) -> str:
    return key + often(rng, sign, _SIGNS, 0.05) + _draw_name(rng)


def _name_in_brackets(rng: random.Random, sign: str, key: str) -> str:
    space = often(rng, "", (" ", "\t"), 0.1)
    return f"{key}{rng.choice((' ', '', '  '))}({space}{_draw_name(rng)}{space})"


def _link_name(rng: random.Random, sign: str, key: str) -> str:
    return f"[{_draw_name(rng)}]{often(rng, '', (' ',), 0.05)}({key})"


_NAMING: tuple[_Naming, ...] = (_name_left, _name_left, _name_right, _name_in_brackets, _link_name)


def _often_naming(rng: random.Random, naming: _Naming) -> _Naming:
    return rng.choice((_no_name, *_NAMING)) if rng.random() < 0.04 else naming
