"""What a worker is asked and answers: the plain values that the equations need, and their frames on a socket. Knows no process."""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from relay.protocol.event import Event
from relay.verify.claim import Claim
from relay.verify.encoding import RingSignature
from relay.verify.ring_equations import Dialect

_HEAD_BYTES = 4
# What the fork server is told of each worker: which notes it is for.
FOR_SMALL, FOR_LARGE = b"\0", b"\1"


class RingTask(msgspec.Struct, frozen=True, array_like=True):
    """A ring signature, and the texts of which it may be; `keys` are the members as Claim.keys gives them."""

    texts: tuple[str, ...]
    keys: tuple[bytes, ...]
    signature: RingSignature
    dialects: tuple[Dialect, ...]


class Task(msgspec.Struct, frozen=True, array_like=True):
    """One note's signatures: the BIP-340 one (id 32 bytes, pubkey 32, sig 64), and the ring's, if one is claimed."""

    id: bytes
    pubkey: bytes
    sig: bytes
    ring: RingTask | None


class Verdict(msgspec.Struct, frozen=True, array_like=True):
    """What became of a task: which text the ring signed in which dialect, or the reason of a refusal, or a fault of the relay.

    `seconds` is how long the worker took.
    """

    seconds: float
    reason: str | None = None
    place: int = 0
    dialect: Dialect | None = None
    is_fault: bool = False


# Tasks that are answered together, and their verdicts in the same order. Batches are answered in the order in which they came.
Batch: TypeAlias = tuple[Task, ...]
Verdicts: TypeAlias = tuple[Verdict, ...]

_encoder = msgspec.msgpack.Encoder()
decode_batch = msgspec.msgpack.Decoder(Batch).decode
decode_verdicts = msgspec.msgpack.Decoder(Verdicts).decode


def to_task(event: Event, claim: Claim | None) -> Task:
    """Return what there is to verify of a note."""
    ring = None
    if claim is not None:
        texts = tuple(candidate.text for candidate in claim.candidates)
        ring = RingTask(texts, claim.keys, claim.signature, claim.dialects)
    return Task(bytes.fromhex(event.id), bytes.fromhex(event.pubkey), bytes.fromhex(event.sig), ring)


def to_frame(message: Batch | Verdicts) -> bytes:
    """Return a message as it is sent: its length in 4 bytes, and MessagePack."""
    encoded = _encoder.encode(message)
    return len(encoded).to_bytes(_HEAD_BYTES, "big") + encoded


def cut_frames(received: bytearray) -> Sequence[bytes]:
    """Remove the whole frames from what was received, and return their messages, still encoded."""
    messages: list[bytes] = []
    place = 0
    while len(received) >= place + _HEAD_BYTES:
        start = place + _HEAD_BYTES
        end = start + int.from_bytes(received[place:start], "big")
        if len(received) < end:
            break
        messages.append(bytes(received[start:end]))
        place = end
    del received[:place]
    return messages
