"""The words that a stored note's ring signed, found again without a curve operation. Knows no database.

The ring of a message-only note has signed one of several readings of its text. Which one is known by the content key that
was stored with it.
"""

from typing import NamedTuple

from relay.protocol.event import Event
from relay.protocol.ring_terms import Form
from relay.verify import proof
from relay.verify.claim import compute_content_key


class UnknownWords(Exception):
    """The signed words of a stored note, which cannot be told from what stands around them."""


class SignedWords(NamedTuple):
    """Words that a ring signed. If not exact, it signed these and perhaps a label or white space around them."""

    text: str
    is_exact: bool


class Signed(NamedTuple):
    """What was proved of a note, as it is stored: the form, the ring's id, its key image, and the content key if there is one."""

    form: Form
    ring_id: bytes
    key_image: bytes | None
    content_key: bytes | None


def find_signed_words(event: Event, signed: Signed) -> SignedWords:
    """Return the words of a note that was verified before. Raises UnknownWords where no reading is known to be signed.

    Of a bound note these are its content; its ring signed the rest of the event, too. Raises Rejected for a note that this
    version of the relay does not read.
    """
    if signed.form is Form.BOUND:
        return SignedWords(event.content, True)
    readings = [one.text for one in proof.read_candidates(event, signed.form) if one.reason is None]
    if signed.content_key is not None:
        for words in readings:
            if compute_content_key(words, signed.ring_id, signed.key_image) == signed.content_key:
                return SignedWords(words, True)
        readings = []
    # Without its key, as paid notes are stored: what all readings share was signed, whichever of them it is.
    shared = min(readings, key=len, default="")
    # Line ends of Windows look as those of Unix do.
    if not shared or any(_to_unix(shared) not in _to_unix(words) for words in readings):
        raise UnknownWords
    return SignedWords(shared, len(readings) == 1)


def _to_unix(words: str) -> str:
    return words.replace("\r\n", "\n")
