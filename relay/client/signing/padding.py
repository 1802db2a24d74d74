"""The EVENT message as it is sent: padded, so that its size says little. Knows no socket."""

from relay.protocol.event import Event, encode_event

# An observer of the connection sees the size of a message. Four sizes for all notes say little.
PADDED_SIZES = (4 * 1024, 16 * 1024, 64 * 1024, 256 * 1024)


def encode_padded(event: Event, is_padded: bool = True) -> str:
    """Return the EVENT message, with white space after it up to the next of PADDED_SIZES. A larger one gets none."""
    frame = b'["EVENT",' + encode_event(event) + b"]"
    size = next((size for size in PADDED_SIZES if len(frame) <= size), 0) if is_padded else 0
    return frame.ljust(size).decode()
