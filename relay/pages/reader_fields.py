"""The fields by which readers choose notes: read from a query, with what is wrong in them in words. Knows no store."""

import gettext
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from relay.protocol.event import MAX_TIMESTAMP
from relay.protocol.hex import is_hex32
from relay.protocol.nip19 import decode_nevent, decode_note, decode_nprofile, decode_npub
from relay.protocol.ring_terms import Scheme
from relay.protocol.search import Search, Term
from relay.storage.conditions import Cursor

FIELDS = ("ring", "member", "minring", "scheme")
# Of what is shown again where it is wrong.
_MAX_FIELD_CHARS = 300
_MINRING = re.compile(r"[1-9][0-9]{0,4}")
_CURSOR = re.compile(r"([0-9]{1,16})-([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a reader chose: the values as they were typed, the terms that they mean, and what is wrong, in words."""

    values: dict[str, str]
    terms: Search
    after: Cursor | None
    faults: tuple[str, ...]

    @property
    def query(self) -> str:
        """Return the chosen fields for an address, without the place to go on from."""
        return urlencode({name: value for name, value in self.values.items() if value})


def read_fields(query: Mapping[str, str], translations: gettext.NullTranslations) -> Chosen:
    """Return what the fields of a query mean. Fields that are empty or unknown choose nothing."""
    values = {name: query.get(name, "").strip()[:_MAX_FIELD_CHARS] for name in FIELDS}
    found = {name: _read_field(name, value) for name, value in values.items() if value}
    after = read_cursor(query.get("before", ""))
    wrong = [name for name, term in found.items() if term is None]
    if query.get("before") and after is None:
        wrong.append("before")
    terms = frozenset(term for term in found.values() if term is not None)
    faults = _describe_faults(translations)
    return Chosen(values, terms, after, tuple(faults[name] for name in wrong))


def read_key(text: str) -> bytes | None:
    """Return a key (32 bytes) that is written as npub, nprofile or hex, with or without nostr:, None for anything else."""
    text = text.removeprefix("nostr:")
    if is_hex32(text.lower()):
        return bytes.fromhex(text)
    return decode_npub(text) or decode_nprofile(text)


def read_note_id(text: str) -> bytes | None:
    """Return the id of a note (32 bytes) that is written as nevent, note1... or hex, None for anything else."""
    text = text.removeprefix("nostr:")
    if is_hex32(text.lower()):
        return bytes.fromhex(text)
    return decode_nevent(text) or decode_note(text)


def read_cursor(text: str) -> Cursor | None:
    """Return the place to go on from, None for anything else."""
    match = _CURSOR.fullmatch(text)
    if match is None or int(match[1]) > MAX_TIMESTAMP:
        return None
    return Cursor(int(match[1]), bytes.fromhex(match[2]))


def _read_field(name: str, text: str) -> Term | None:
    match name:
        case "ring":
            return Term("ringid", text.lower()) if is_hex32(text.lower()) else None
        case "member":
            key = read_key(text)
            return None if key is None else Term("ring", key.hex())
        case "minring":
            return Term("minring", text) if _MINRING.fullmatch(text) else None
        case _:
            return Term("scheme", text) if text in list(Scheme) else None


def _describe_faults(translations: gettext.NullTranslations) -> dict[str, str]:
    _ = translations.gettext
    return {
        "ring": _(
            "The id of the ring is wrong: it has 64 digits from 0 to 9 and a to f. Copy it from the page of a note."
        ),
        "member": _("The key is wrong: write an npub without a mistake, or 64 digits from 0 to 9 and a to f."),
        "minring": _("The smallest number of keys is wrong: write a whole number from 1 to 99999."),
        "scheme": _("The scheme is wrong: it is sag (notes cannot be linked) or blsag (they can)."),
        "before": _("This address does not say rightly where the list goes on, so these are the newest notes."),
    }
