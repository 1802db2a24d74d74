"""Tags of a message-only note: they repeat what stands in the signed words. Knows neither ring nor form.

The ring did not sign them. Whoever posts a copy first could say something else by them in the ring's name, or hide the words
under a warning, in an answer or under another subject. docs/ring-notes.md, "What B, C and D have in common", has the rules.
"""

import re
from functools import cached_property

from relay.protocol.event import Tag
from relay.protocol.hex import HEX32, is_hex32
from relay.protocol.nip19 import NPROFILE_START, NPUB, encode_npub, start_nprofile
from relay.protocol.refusal import Prefix, Rejected
from relay.verify.nonce import check_nonce

# Looking for one of them in the longest text takes up to 0.3 ms.
MAX_ELEMENTS = 64
# NIP-02: `p`, a key, a relay and a name.
_MAX_ELEMENTS_OF_ONE = 4
_MAX_HASHTAG_CHARS = 100
# Read elsewhere: what carries the ring signature, and proof of work.
_OTHERS = frozenset({"ring-members", "ring-signature", "nonce"})
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}")
_SPELLED_KEY = re.compile(rf"(?<![0-9A-Za-z])(?:(?:{HEX32}|{NPUB})(?![0-9A-Za-z])|{NPROFILE_START})")
# NIP-92. A text in other words, such as `alt`, would stand beside the ring's.
_IMETA = {
    "url": re.compile(r".+", re.DOTALL),
    "m": re.compile(r"(?:application|audio|image|text|video)/[a-z0-9][a-z0-9.+-]{0,39}"),
    "x": re.compile(HEX32),
    "dim": re.compile(r"[0-9]{1,5}x[0-9]{1,5}"),
}


def check_names(tags: tuple[Tag, ...]) -> None:
    """Refuse tags that could not repeat any words. Raises Rejected."""
    check_nonce(tags)
    compared = [tag for tag in tags if tag[0] not in _OTHERS]
    for tag in compared:
        if tag[0] not in ("p", "t", "r", "imeta"):
            _refuse_name(tag[0])
        if tag[0] == "imeta":
            _check_imeta(tag)
        elif not 2 <= len(tag) <= _MAX_ELEMENTS_OF_ONE:
            _refuse(tag[0])
    if sum(map(len, compared)) > MAX_ELEMENTS:
        raise Rejected(
            Prefix.INVALID,
            f"the tags that repeat the signed words have more than {MAX_ELEMENTS} elements: leave some tags out",
        )


def check_repeated(tags: tuple[Tag, ...], words: str) -> None:
    """Refuse tags that do not repeat these words. They have passed check_names. Raises Rejected."""
    signed = _Words(words)
    # Each once: what is looked for in vain many times costs that many times.
    for tag in dict.fromkeys(tags):
        if tag[0] in _OTHERS:
            continue
        if tag[0] == "imeta":
            is_repeated = _read_imeta(tag)["url"] in words
        else:
            is_repeated = _is_repeated(tag[0], tag[1], signed) and all(value in words for value in tag[2:])
        if not is_repeated:
            _refuse(tag[0])


class _Words:
    """Signed words, and what is found in them once for all tags."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def lowered(self) -> str:
        """Return the words in lower case."""
        return self.text.lower()

    @cached_property
    def spelled_keys(self) -> frozenset[str]:
        """Return the keys in the words as they are spelled: hex, npub, or the beginning of an nprofile."""
        return frozenset(_SPELLED_KEY.findall(self.text))


def _is_repeated(name: str, value: str, words: _Words) -> bool:
    match name:
        case "p":
            return is_hex32(value) and _has_key(value, words.spelled_keys)
        case "t":
            return _has_hashtag(value.lower(), words.lowered)
        case _:
            return value != "" and value in words.text


def _has_key(value: str, spelled_keys: frozenset[str]) -> bool:
    key = bytes.fromhex(value)
    # An npub is a checksum's work, in vain where the words name nobody.
    return bool(spelled_keys) and not spelled_keys.isdisjoint((value, encode_npub(key), start_nprofile(key)))


def _has_hashtag(value: str, lowered: str) -> bool:
    """Return whether a text has a hashtag. It holds no second `#`, so that its occurrences do not overlap."""
    if not 1 <= len(value) <= _MAX_HASHTAG_CHARS or "#" in value:
        return False
    return re.search(rf"#{re.escape(value)}(?![a-z0-9_])", lowered) is not None


def _check_imeta(tag: Tag) -> None:
    values = _read_imeta(tag)
    if (
        len(values) != len(tag) - 1
        or "url" not in values
        or not all(name in _IMETA and _IMETA[name].fullmatch(value) for name, value in values.items())
    ):
        raise Rejected(
            Prefix.INVALID, "an imeta tag has a url, and of m, x and dim each once at most: leave out the rest of it"
        )


def _read_imeta(tag: Tag) -> dict[str, str]:
    """Return the names and values of an imeta tag (NIP-92)."""
    return {name: value for name, _, value in (element.partition(" ") for element in tag[1:])}


def _refuse_name(tag: str) -> None:
    if tag == "client":
        raise Rejected(Prefix.INVALID, "the ring did not sign the tag client: your client adds it: switch that off")
    if _PLAIN_NAME.fullmatch(tag):
        # A name alone says little, and without it nobody finds the tag that a program added.
        raise Rejected(
            Prefix.INVALID,
            f"the ring did not sign the tag {tag}: leave it out, or use the bound form, which signs all tags",
        )
    raise Rejected(
        Prefix.INVALID,
        "the ring did not sign one of the tags: leave it out, or use the bound form, which signs all tags",
    )


def _refuse(tag: str) -> None:
    raise Rejected(
        Prefix.INVALID,
        f"the tag {tag} does not repeat the signed words: name in p only keys, in t only #hashtags, and elsewhere only "
        "links that stand in them, or leave it out",
    )
