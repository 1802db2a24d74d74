"""The words of ring signatures that filters, searches and the info document share. Knows no signature and no curve."""

from enum import StrEnum
from typing import Literal, Protocol

MAX_FLAG_BYTES = 128


class Form(StrEnum):
    """Name how a ring signature sits in a note."""

    BOUND = "bound"  # `ring` and `ringsig` tags; the ring signs the event
    NIP97 = "nip97"  # `ring-members` and `ring-signature` tags (nips pull request 1894)
    NOSTRINGER = "nostringer"  # the content is Nostringer's JSON
    TEXT = "text"  # the signature stands in the text


class Scheme(StrEnum):
    """Name a ring signature scheme as Nostringer's `v` field does."""

    SAG = "sag"
    BLSAG = "blsag"


def is_flag(flag: str) -> bool:
    """Return whether a flag is 1 to 128 bytes of UTF-8; a lone surrogate has no UTF-8."""
    try:
        return 1 <= len(flag.encode()) <= MAX_FLAG_BYTES
    except UnicodeEncodeError:
        return False


class RingTerms(Protocol):
    """What a search can ask of a ring-signed note: keys of 32 bytes in the order signed, ids and images as hex."""

    @property
    def form(self) -> Form:
        """Return how the signature sits in the note."""

    @property
    def scheme(self) -> Scheme:
        """Return the scheme of the signature."""

    @property
    def ring(self) -> tuple[bytes, ...]:
        """Return the ring's keys."""

    @property
    def ring_id(self) -> str:
        """Return the ring id, 64 hex."""

    @property
    def binding(self) -> Literal["event", "message"]:
        """Return whether the ring signs the whole event, or its words only."""

    @property
    def key_image(self) -> str | None:
        """Return the key image, 66 hex, of a linkable signature."""

    @property
    def scope(self) -> str | None:
        """Return within what notes of one signer link; None if nowhere, or everywhere."""
