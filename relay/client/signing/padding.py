"""The EVENT message as it travels: padded, so that its size says little. Knows no socket."""

from relay.protocol.event import Event, encode_event

# Whoever watches the line sees the size of what was sent. Four sizes for all notes tell them little.
PADDED_SIZES = (4 * 1024, 16 * 1024, 64 * 1024, 256 * 1024)


def encode_padded(event: Event, is_padded: bool = True) -> str:
    """Return the EVENT message, with white space after it up to the next of PADDED_SIZES bytes; none beyond the last."""
    frame = b'["EVENT",' + encode_event(event) + b"]"
    size = next((size for size in PADDED_SIZES if len(frame) <= size), 0) if is_padded else 0
    return frame.ljust(size).decode()
