"""Tags as an author writes them on the command line. Knows which the signing writes itself."""

import re

from relay.client import keys
from relay.client.keys import BadInput
from relay.client.ring_sign import RESERVED_TAGS

_HEX_32 = re.compile(r"[0-9a-f]{64}")


def parse_tag(text: str) -> tuple[str, str]:
    """Return the tag that NAME=VALUE means. Raises BadInput, also for a tag that no reader would understand."""
    name, separator, value = text.partition("=")
    if not (name and separator):
        raise BadInput("--tag takes NAME=VALUE, for example --tag e=<event id>")
    if name in RESERVED_TAGS:
        raise BadInput(f"--tag {name}: this tag is written by the signing itself: leave it out")
    # A secret key there is told by what is said of secret keys.
    if name in ("e", "p") and not _HEX_32.fullmatch(value) and not keys.is_like_nsec(value):
        raise BadInput(
            f"--tag {name}= takes an id or a key as 64 lower-case hex digits, not note1..., nevent1... or npub1...: "
            "no reader would find it"
        )
    return name, value
