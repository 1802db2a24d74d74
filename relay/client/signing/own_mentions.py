"""Whether a note names its signer: by their key in any spelling, or by a name of theirs. Looks nothing up.

The names are those that the ring file has beside the signer's key, and those that the author gives. A place that names every
member alike is left alone. It says nothing about who signed, and the one member left out of it would stand out.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from relay.client.signing.ring_file import Entry
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.notices import print_warning, to_printable
from relay.protocol.event import Tag
from relay.protocol.nip19 import list_traces

_WHY = (
    "a note that names one member of its ring makes its readers think of that one. Take it out, or name all members there "
    "alike; --force signs the note as it is"
)
# What ends a name in a comment: "Ann (the office)", "Ann, of the board", "Ann <ann@example.org>".
_NAME_ENDS = re.compile(r"[,;|()<>\[\]]")
_ADDRESS = re.compile(r"([\w.+-]+)@[\w.-]+")
# Beside their own key people write what is no name.
_SELF = frozenset(
    {"i", "me", "myself", "mine", "self", "my key", "my own", "my own key", "this is me", "own", "own key"}
)
_MAX_TAG_NAME_CHARS = 32


def list_places(message: str, tags: Iterable[Tag], scope: str | None) -> dict[str, str]:
    """Return what the author wrote, by where it stands. All tags of one name are one place."""
    places = {"the message": message, "the scope": scope or ""}
    for tag in tags:
        where = f"the tag {to_printable(tag[0])[:_MAX_TAG_NAME_CHARS]}"
        places[where] = "\n".join([*([places[where]] if where in places else []), *tag])
    return places


def list_names(entry: Entry) -> list[str]:
    """Return the names that a ring file gives a member: the comment up to a comma or bracket, and addresses (NIP-05)."""
    found = [" ".join(_NAME_ENDS.split(entry.name)[0].split())]
    for address in _ADDRESS.finditer(entry.name):
        found += [address[0], address[1]]
    # One letter is a word of its own in many languages. "_" is NIP-05's name for the domain itself.
    return [name for name in dict.fromkeys(found) if len(name) > 1 and _fold(name) not in _SELF]


def check_mentions(
    places: Mapping[str, str], ring: Sequence[Entry], own: bytes, names: Sequence[str], *, is_forced: bool
) -> None:
    """Refuse what names the signer, whose key is `own` and who is called `names` besides. Raises BadInput.

    With is_forced it is a warning.
    """
    named = {entry.key: list_names(entry) for entry in ring}
    named[own] = [*named.get(own, []), *names]
    found = [f"{where} holds {what}" for where, text in places.items() if (what := _find_mention(text, named, own))]
    if not found:
        return
    if not is_forced:
        raise BadInput(f"{', and '.join(found)}: {_WHY}")
    print_warning(f"{', and '.join(found)}: --force signs it all the same")


def _find_mention(text: str, named: Mapping[bytes, Sequence[str]], own: bytes) -> str:
    """Return how a text names the signer, "" where it does not, or names all members in that way."""
    lowered, folded = text.lower(), _fold(text)
    others = [key for key in named if key != own]
    found = []
    if _holds_key(lowered, own) and not all(_holds_key(lowered, key) for key in others):
        found.append("your own key")
    name = _find_name(folded, named[own])
    if name and not all(_find_name(folded, named[key]) for key in others):
        found.append(f'"{to_printable(name)}", a name of yours')
    return " and ".join(found)


def _holds_key(lowered: str, key: bytes) -> bool:
    return key.hex() in lowered or any(trace in lowered for trace in list_traces(key))


def _find_name(folded: str, names: Iterable[str]) -> str:
    """Return the first of these names that stands in a folded text as whole words."""
    for name in names:
        words = r"\s+".join(map(re.escape, _fold(name).split()))
        if re.search(rf"(?<!\w){words}(?!\w)", folded):
            return name
    return ""


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
