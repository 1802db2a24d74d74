"""All that a ring note is made of. Knows neither how a form is written nor where the parts come from."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from relay.protocol.event import Tag
from relay.protocol.ring_terms import Form, Scheme
from relay.verify.message_only import TEXT_NOTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A ring note before it is signed: all but the throwaway key of its outer event.

    `ring` is 32-byte x-only keys in any order, `secret` (32 bytes) belongs to one of them. `scope` is for linkable notes.
    """

    ring: Sequence[bytes]
    # Kept out of every text of this, such as a traceback that prints values.
    secret: bytes = field(repr=False)
    content: str
    created_at: int
    form: Form = Form.BOUND
    scheme: Scheme = Scheme.SAG
    scope: str | None = None
    kind: int = TEXT_NOTE
    tags: Sequence[Tag] = ()
    pow_bits: int = 0
    # Whether the tag R names the ring, so that only its members may answer.
    names_ring: bool = True
