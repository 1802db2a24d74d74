"""A secret key that is pasted where a note belongs: recognised before anything else is done with the text. Pure.

It is a mistake that happens: both are long texts from the same program.
"""

import re

from relay.protocol.hex import HEX32
from relay.protocol.nip19 import NCRYPTSEC, NSEC_CANDIDATE, has_nsec_checksum

# In a note each costs a checksum in Python (relay/policy/rules.py refuses notes with so many).
_MAX_CANDIDATES = 8
# With a letter too few or wrong it is still all but the key.
_BEGUN = re.compile(r"(?:nsec1|ncryptsec1)[02-9ac-hj-np-z]{8}", re.IGNORECASE)
# With what may stand around a key where it is copied from.
_HEX_ALONE = re.compile(rf"[\s\"'`,;:=]*(?:0x)?{HEX32}[\s\"'`,;]*", re.IGNORECASE)


def holds_secret_key(text: str) -> bool:
    """Return whether a text that should be a note is, or has in it, what can be a secret key: nsec, ncryptsec, 64 hex alone.

    The note that quotes the beginning of one is none: it is JSON.
    """
    if _HEX_ALONE.fullmatch(text):
        return True
    if text.lstrip()[:1] not in ("{", "["):
        return _BEGUN.search(text) is not None
    lowered = text.lower()
    if "ncryptsec1" in lowered and NCRYPTSEC.search(text):
        return True
    # The same as for every note; only that nothing is read before.
    candidates = NSEC_CANDIDATE.finditer(text) if "nsec1" in lowered else iter(())
    return any(has_nsec_checksum(match[1]) for match, _ in zip(candidates, range(_MAX_CANDIDATES), strict=False))
