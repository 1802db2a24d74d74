"""The BIP-340 signature of an event (NIP-01). Trusts the id: its hash is checked elsewhere."""

from coincurve import PublicKeyXOnly

from relay.protocol.event import Event
from relay.protocol.refusal import Prefix, Rejected


def verify_signature(event: Event) -> None:
    """Raise Rejected unless `sig` is a BIP-340 signature of the id by `pubkey`."""
    verify(bytes.fromhex(event.pubkey), bytes.fromhex(event.id), bytes.fromhex(event.sig))


def verify(pubkey: bytes, event_id: bytes, sig: bytes) -> None:
    """Raise Rejected unless `sig` (64 bytes) is a BIP-340 signature of an id (32 bytes) by `pubkey` (32 bytes)."""
    try:
        key = PublicKeyXOnly(pubkey)
    except ValueError:
        # lift_x of BIP-340 fails: about half of all 32-byte strings are not an x coordinate.
        raise Rejected(Prefix.INVALID, "pubkey is not a point on the curve: use a real public key") from None
    if not key.verify(sig, event_id):
        raise Rejected(Prefix.INVALID, "the event's signature is wrong: sign its id again")
