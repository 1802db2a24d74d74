"""The note that a path names, as people write it. Knows no request and no store."""

from relay.protocol.hex import is_hex32
from relay.protocol.nip19 import decode_nevent, decode_note


def read_note_id(text: str) -> bytes | None:
    """Return the 32-byte id in a note or nevent (NIP-19) or in 64 hex digits, None for anything else."""
    if is_hex32(text):
        return bytes.fromhex(text)
    return decode_note(text) if text.startswith("note1") else decode_nevent(text)
