"""What a small ring is worth to the reader of a valid signature, in a sentence. Knows nothing of the author's side."""

from collections.abc import Mapping

from relay.protocol.ring_terms import Scheme

# Of five members, four must be ruled out before a reader knows the fifth, and relays take linkable rings from five on by default.
# Of fewer, an answer or two to "was it you?" leave one name. Authors are warned below ten (signing/lint.py), as they can still
# add keys. A reader cannot, and a sentence under most notes would not be read.
SMALL_FOR_READERS = 5


def describe_small_ring(result: Mapping[str, object]) -> str | None:
    """Return what a verified signature by a small ring is worth, None for any other. `result` is as `describe_proof` lists it."""
    size = result.get("ring_size")
    if not isinstance(size, int) or size >= SMALL_FOR_READERS:
        return None
    if size == 2:
        others, owners, author = "the other", "the owner of the other", "the one of the two whom you believe less"
    else:
        others, owners, author = "the others", "the owners of the others", "the one of them whom you believe least"
    if result["scheme"] == Scheme.BLSAG:
        named = f"{others} can prove that it was not them, which leaves the signer"
    else:
        named = f"anyone who can rule {others} out knows who signed"
    # Nobody is asked before their key is put into a ring: the signer may have chosen it for its name.
    return (
        f"a ring of {size} is small: one of its keys signed, and {owners} may know nothing of it, so read the note as if it "
        f"were by {author}; {named}"
    )
