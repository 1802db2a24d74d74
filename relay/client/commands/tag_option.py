"""The option --tag: a tag as an author writes it. Knows which tags the signing writes itself."""

import msgspec

from relay.client.signing import keys
from relay.client.signing.bound_form import RESERVED_TAGS
from relay.client.terminal.bad_input import BadInput
from relay.protocol.event import Tag
from relay.protocol.hex import is_hex32


def parse_tag(text: str) -> Tag:
    """Return the tag of NAME=VALUE, or of a JSON array of strings.

    Raises BadInput, also for a tag that no reader would understand.
    """
    tag = _parse_array(text) if text.startswith("[") else _parse_pair(text)
    if tag[0] in RESERVED_TAGS:
        raise BadInput(f"--tag {tag[0]}: this tag is written by the signing itself: leave it out")
    value = tag[1] if len(tag) > 1 else ""
    # Another check finds a secret key there, and says so.
    if tag[0] in ("e", "p") and not is_hex32(value) and not keys.is_like_secret(value):
        raise BadInput(
            f"--tag {tag[0]}= takes an id or a key as 64 lower-case hex digits, not note1..., nevent1... or npub1...: "
            "no reader would find it"
        )
    return tag


def _parse_pair(text: str) -> Tag:
    name, separator, value = text.partition("=")
    if not (name and separator):
        raise BadInput("--tag takes NAME=VALUE, for example --tag e=<event id>")
    return name, value


def _parse_array(text: str) -> Tag:
    try:
        tag = msgspec.json.decode(text, type=tuple[str, ...])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        tag = ()
    if not tag or not tag[0]:
        raise BadInput('--tag takes a JSON array of strings, for example --tag \'["option", "y", "Yes"]\'')
    return tag
