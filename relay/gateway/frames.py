"""Where a client's frames begin and end (RFC 6455, 5.2). Knows no message and no socket."""

# Of a whole, unfragmented text message, without reserved bits.
FINAL_TEXT = 0x81
_MASKED = 0x80


def find_frame(data: bytes, place: int) -> tuple[int, int] | None:
    """Return where the payload of the frame that begins at `place` starts and ends, None if its header has not all come."""
    header_end = place + 2
    if len(data) < header_end:
        return None
    size = data[place + 1] & 0x7F
    if size >= 126:
        size_place, header_end = header_end, header_end + (2 if size == 126 else 8)
        if len(data) < header_end:
            return None
        size = int.from_bytes(data[size_place:header_end], "big")
    start = header_end + 4 if data[place + 1] & _MASKED else header_end
    return start, start + size
