"""The key of a connection string (NIP-47). It signs requests to the wallet, and nothing else: no note can be signed with it."""

import os

from coincurve import PrivateKey, PublicKey, PublicKeyXOnly

from relay.protocol.event import Event, Tag, compute_id

REQUEST = 23194


class ConnectionKey:
    """The secret of a connection string. Raises ValueError where it is no secret key of secp256k1."""

    __slots__ = ("_key", "pubkey")

    def __init__(self, secret: bytes) -> None:
        self._key = PrivateKey(secret)
        self.pubkey = PublicKeyXOnly.from_secret(secret).format().hex()

    def __repr__(self) -> str:
        return f"ConnectionKey({self.pubkey})"

    def sign_request(self, tags: tuple[Tag, ...], content: str, created_at: int) -> Event:
        """Return a signed request event. Its kind is fixed."""
        event_id = compute_id(self.pubkey, created_at, REQUEST, tags, content)
        signature = self._key.sign_schnorr(bytes.fromhex(event_id), os.urandom(32))
        return Event(event_id, self.pubkey, created_at, REQUEST, tags, content, signature.hex())

    def agree_with(self, pubkey: str) -> bytes:
        """Return the x coordinate of the point that both sides can compute, unhashed, as NIP-04 and NIP-44 take it.

        Raises ValueError where the public key is no point on the curve.
        """
        # libsecp256k1's own ECDH hashes it. This is done once for a connection string, so its time tells nothing.
        point = PublicKey(b"\x02" + bytes.fromhex(pubkey)).multiply(self._key.secret)
        return point.format()[1:]
