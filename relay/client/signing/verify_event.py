"""Whether an event is what it claims to be: its id, its signature, and its ring signature. Trusts no relay."""

from relay.protocol.event import Event, compute_id
from relay.protocol.refusal import Prefix, Rejected
from relay.verify import proof, schnorr
from relay.verify.claim import RingProof


def verify_note(event: Event) -> RingProof:
    """Verify a ring-signed event, and return what its ring signature proves.

    Raises Rejected, also for an event without a ring signature.
    """
    proved = verify_event(event)
    if proved is None:
        raise Rejected(Prefix.INVALID, "no ring signature: this is an ordinary event, signed by its pubkey alone")
    return proved


def verify_event(event: Event) -> RingProof | None:
    """Verify an event, and return what its ring signature proves, None if it claims none. Raises Rejected."""
    verify_id_and_signature(event)
    claim = proof.detect_claim(event)
    return None if claim is None else proof.verify_claim(claim)


def verify_id_and_signature(event: Event) -> None:
    """Raise Rejected unless the id is the hash of the event and the signature its author's."""
    if compute_id(event.pubkey, event.created_at, event.kind, event.tags, event.content) != event.id:
        raise Rejected(Prefix.INVALID, "the id is not the hash of the event: it was changed after it was signed")
    schnorr.verify_signature(event)


def is_signed(event: Event) -> bool:
    """Return whether an event's id and signature are right."""
    try:
        verify_id_and_signature(event)
    except Rejected:
        return False
    return True
