"""The `nonce` tag of a ring note (NIP-13). The ring does not sign it, so it holds numbers and no words."""

import re

from relay.protocol.event import Tag
from relay.protocol.refusal import Prefix, Rejected

# A 128-bit counter, the largest that miners use, has 39 digits.
_VALUE = re.compile(r"[0-9]{1,39}")


def check_nonce(tags: tuple[Tag, ...]) -> None:
    """Refuse more than one `nonce`, or text in it. Raises Rejected."""
    found = [tag for tag in tags if tag[0] == "nonce"]
    if len(found) > 1:
        raise Rejected(Prefix.INVALID, "a ring note has at most one nonce tag: leave the others out")
    for tag in found:
        if not 2 <= len(tag) <= 3 or not all(map(_VALUE.fullmatch, tag[1:])):
            raise Rejected(Prefix.INVALID, "the nonce tag holds a decimal number and its target only: mine again")
