"""The ring terms that filters, searches and the info document share. Knows no signature and no curve."""

from enum import StrEnum
from typing import Literal, Protocol

MAX_FLAG_BYTES = 128


class Form(StrEnum):
    """The way a note carries a ring signature."""

    BOUND = "bound"  # `ring` and `ringsig` tags; the ring signs the event
    NIP97 = "nip97"  # `ring-members` and `ring-signature` tags (nips pull request 1894)
    NOSTRINGER = "nostringer"  # the content is Nostringer's JSON
    TEXT = "text"  # the signature is in the text


class Scheme(StrEnum):
    """A ring signature scheme, named as in Nostringer's `v` field."""

    SAG = "sag"
    BLSAG = "blsag"


def is_flag(flag: str) -> bool:
    """Return whether a flag has 1 to 128 bytes of UTF-8. A lone surrogate has no UTF-8."""
    try:
        return 1 <= len(flag.encode()) <= MAX_FLAG_BYTES
    except UnicodeEncodeError:
        return False


class RingTerms(Protocol):
    """The properties of a ring-signed note that a search can ask for. Keys are bytes, ids and key images are hex."""

    @property
    def form(self) -> Form:
        """Return the way the note carries its signature."""

    @property
    def scheme(self) -> Scheme:
        """Return the scheme of the signature."""

    @property
    def ring(self) -> tuple[bytes, ...]:
        """Return the ring's keys, 32 bytes each, in the order signed."""

    @property
    def ring_id(self) -> str:
        """Return the ring id, 64 hex."""

    @property
    def binding(self) -> Literal["event", "message"]:
        """Return whether the ring signs the whole event or the message only."""

    @property
    def key_image(self) -> str | None:
        """Return the key image of a linkable signature, 66 hex, or None."""

    @property
    def scope(self) -> str | None:
        """Return the scope in which notes of one signer can be linked; None if nowhere or everywhere."""
