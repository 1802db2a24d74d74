"""A new note on its way to subscribers: what is the same for many of them is made once. Knows no connection."""

from relay.storage.note import Note


class LiveNote:
    """A note, and the frames that carry it: these differ by the subscription's id alone."""

    __slots__ = ("_headers", "_tail", "id", "note")

    def __init__(self, note: Note) -> None:
        self.note = note
        self.id = bytes.fromhex(note.event.id)
        self._tail = note.encoded + b"]"
        self._headers: dict[int, bytes] = {}

    def frame(self, prefix: bytes) -> tuple[bytes, bytes, bytes]:
        """Return the parts of the frame for a subscription whose messages begin with `prefix`."""
        size = len(prefix)
        header = self._headers.get(size)
        if header is None:
            header = self._headers[size] = make_frame_header(size + len(self._tail))
        return header, prefix, self._tail


def make_frame_header(size: int) -> bytes:
    """Return the header of an unmasked, final text frame (RFC 6455 5.2)."""
    if size < 126:
        return bytes((0x81, size))
    if size < 65_536:
        return b"\x81\x7e" + size.to_bytes(2, "big")
    return b"\x81\x7f" + size.to_bytes(8, "big")
