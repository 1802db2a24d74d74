"""One event by its id, from the one relay that a person names. What else an nevent names is never contacted.

Trusts no relay: the event is not verified here.
"""

import asyncio
import re
from contextlib import aclosing

from relay.client.network.connect import open_websocket
from relay.client.network.subscription import MAX_MESSAGE_BYTES, Signal, stream_events
from relay.client.network.tor import TorChoice
from relay.client.signing import keys
from relay.client.terminal.bad_input import BadInput
from relay.protocol.event import Event
from relay.protocol.hex import HEX32
from relay.protocol.nip19 import decode_nevent, decode_note

_URI = re.compile(r"\Anostr:", re.IGNORECASE)
_SPELLINGS = "note1..., nevent1... or 64 hex digits"


def parse_note_id(text: str) -> bytes:
    """Return the 32-byte id in a note or nevent (NIP-19), with or without nostr: (NIP-21), or in 64 hex digits.

    Letters may be of either case. Raises BadInput, whose text repeats nothing of what was given.
    """
    text = _URI.sub("", text)
    prefix = text.lower().partition("1")[0]
    if keys.is_like_secret(text):
        raise BadInput("this is a secret key (nsec), and it is in your shell's history now: delete it there")
    if re.fullmatch(HEX32, text.lower()):
        return bytes.fromhex(text)
    if prefix == "naddr":
        raise BadInput(
            "an naddr is not an id: whatever its author posts there last is the note. Give the nevent of the note you mean"
        )
    if prefix in ("npub", "nprofile"):
        raise BadInput(f"this names a person, not a note: a note's id is written {_SPELLINGS}")
    if prefix not in ("note", "nevent"):
        raise BadInput(f"not a note's id, which is written {_SPELLINGS}")
    found = decode_note(text) if prefix == "note" else decode_nevent(text)
    if found is None:
        raise BadInput(f"the {prefix} is mistyped or not whole: copy it again, from its first letter to its last")
    return found


async def fetch_note(url: str, note_id: bytes, timeout_s: float, choice: TorChoice) -> Event:
    """Return what a relay sends for an id: an event that says it has this id. Raises BadInput."""
    connection = await open_websocket(url, timeout_s, choice, MAX_MESSAGE_BYTES)
    try:
        async with (
            asyncio.timeout(timeout_s),
            aclosing(stream_events(connection, [{"ids": [note_id.hex()]}])) as incoming,
        ):
            found = await anext(incoming)
    except TimeoutError:
        raise BadInput(f"the relay did not answer within {timeout_s:g} s: try again later, or another relay") from None
    finally:
        await connection.close()
    if isinstance(found, Signal) and found.ends_stored:
        raise BadInput("the relay does not have this note: ask another one with --on, or check the id")
    if not isinstance(found, Event) or found.id != note_id.hex():
        raise BadInput("the relay sent something else than the note that was asked for: ask another one with --on")
    return found
