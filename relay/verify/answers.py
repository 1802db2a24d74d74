"""Answers: notes in which a ring member reacts to a note or responds to a poll, at most once. Knows no database.

A member's key image depends only on their key and the scope. Another ring does not give them a second answer.
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
    """A member's answer to a target. The key image has 33 bytes, the ids 32. Answers with the same `key` are by one member."""

    kind: int
    target: bytes
    key_image: bytes
    ring_id: bytes

    @property
    def key(self) -> tuple[int, bytes, bytes]:
        """Return what identifies the answer: only one answer with this key is stored."""
        return self.kind, self.target, self.key_image


def find_answer(event: Event, claim: Claim | None) -> Answer | None:
    """Return a note's answer, or None. It must be linkable and bound, with one `e` tag and the scope `<kind>:<that id>`."""
    if claim is None or claim.form is not Form.BOUND or claim.key_image is None or event.kind not in ANSWER_KINDS:
        return None
    targets = [tag[1] if len(tag) > 1 else "" for tag in event.tags if tag[0] == "e"]
    if len(targets) != 1 or not is_hex32(targets[0]) or claim.scope != f"{event.kind}:{targets[0]}":
        return None
    return Answer(event.kind, bytes.fromhex(targets[0]), bytes.fromhex(claim.key_image), bytes.fromhex(claim.ring_id))


def read_named_rings(values: Iterable[str]) -> frozenset[bytes]:
    """Return the ids of the rings that may answer a target, from its `R` tags. An empty set: any ring may answer."""
    return frozenset(bytes.fromhex(value) for value in values if is_hex32(value))
