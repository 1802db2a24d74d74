"""What an answer is: a note in which a ring member reacts to something, or responds to a poll, and can do so once.

Knows no database. The key image of a member depends on their key and the scope alone: changing the ring evades nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from relay.protocol.event import Event
from relay.protocol.hex import is_hex32
from relay.protocol.ring_terms import Form
from relay.verify.claim import Claim

REACTION = 7  # NIP-25
POLL_RESPONSE = 1018  # NIP-88
ANSWER_KINDS = frozenset({REACTION, POLL_RESPONSE})


@dataclass(frozen=True, slots=True)
class Answer:
    """Who answered what: 32 bytes, but for the key image of 33. One member's answers to one target share a `key`."""

    kind: int
    target: bytes
    key_image: bytes
    ring_id: bytes

    @property
    def key(self) -> tuple[int, bytes, bytes]:
        """Return what only one answer may have."""
        return self.kind, self.target, self.key_image


def find_answer(event: Event, claim: Claim | None) -> Answer | None:
    """Return the answer that a note is: linkable and bound, with one `e` tag, and with the scope `<kind>:<that id>`."""
    if claim is None or claim.form is not Form.BOUND or claim.key_image is None or event.kind not in ANSWER_KINDS:
        return None
    targets = [tag[1] if len(tag) > 1 else "" for tag in event.tags if tag[0] == "e"]
    if len(targets) != 1 or not is_hex32(targets[0]) or claim.scope != f"{event.kind}:{targets[0]}":
        return None
    return Answer(event.kind, bytes.fromhex(targets[0]), bytes.fromhex(claim.key_image), bytes.fromhex(claim.ring_id))


def read_named_rings(values: Iterable[str]) -> frozenset[bytes]:
    """Return the rings that a target's `R` tags let answer it: any of those it lists. None named: every ring may."""
    return frozenset(bytes.fromhex(value) for value in values if is_hex32(value))
