"""The BIP-340 signature of an event (NIP-01). Trusts the id: its hash is checked elsewhere."""

from coincurve import PublicKeyXOnly

from relay.protocol.event import Event
from relay.protocol.refusal import Prefix, Rejected


def verify_signature(event: Event) -> None:
    """Raise Rejected unless `sig` is a BIP-340 signature of the 32-byte id by `pubkey`."""
    try:
        key = PublicKeyXOnly(bytes.fromhex(event.pubkey))
    except ValueError:
        # lift_x of BIP-340 fails: about half of all 32-byte strings are not an x coordinate.
        raise Rejected(Prefix.INVALID, "pubkey is not a point on the curve: use a real public key") from None
    if not key.verify(bytes.fromhex(event.sig), bytes.fromhex(event.id)):
        raise Rejected(Prefix.INVALID, "the event's signature is wrong: sign its id again")
