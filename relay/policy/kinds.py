"""The kinds that are refused whoever signs them: what must not be passed on, or would not be acted on. Knows no ring."""

from typing import Any

import msgspec

from relay.protocol.event import Event
from relay.protocol.refusal import Prefix, Rejected

_LOGIN = 22242  # NIP-42
_VANISH = 62  # NIP-62
_REPOSTS = frozenset({6, 16})  # NIP-18
# For their recipients: direct messages (NIP-04, NIP-17), seals and gift wraps (NIP-59), remote signing (NIP-46). Their tags
# say who writes to whom, so relays should show them to the recipient only, and this one cannot tell who that is. The
# messages of NIP-17 (14, and 15 for files) must never be signed: one that is was leaked, or posted by mistake.
_PRIVATE = frozenset({4, 13, 14, 15, 1059, 21059, 24133})
REFUSED_KINDS = frozenset({_LOGIN, _VANISH}) | _PRIVATE


def check_kind(event: Event) -> None:
    """Refuse an event that must not be stored or broadcast by its kind, ring-signed or not."""
    if event.kind == _LOGIN:
        # NIP-42: MUST NOT be broadcast. Whoever gets one could log in with it while its challenge lasts.
        raise Rejected(
            Prefix.BLOCKED,
            "a login (kind 22242) is never stored or passed on; send it as AUTH to a relay that asks for it",
        )
    if event.kind in _PRIVATE:
        raise Rejected(
            Prefix.BLOCKED,
            "an event of this kind is for its recipient alone, and anybody could read it here; "
            "send it to a relay that asks readers to authenticate (NIP-42)",
        )
    if event.kind == _VANISH:
        # NIP-62 has legal weight: an OK would be a promise.
        raise Rejected(
            Prefix.BLOCKED,
            "a request to vanish (kind 62) would delete nothing here; "
            "send deletion requests (kind 5) for your events, or ask the operator",
        )
    # NIP-70: reposts MUST NOT embed a protected event.
    if event.kind in _REPOSTS and _embeds_protected(event.content):
        raise Rejected(Prefix.BLOCKED, "the repost embeds a protected event (NIP-70); repost it with an empty content")


def check_plain_kinds(kinds: frozenset[int]) -> None:
    """Refuse a list of accepted kinds with one that is never accepted. Raises ValueError with what to do."""
    if refused := sorted(kinds & REFUSED_KINDS):
        raise ValueError(f"plain_kinds must not contain {', '.join(map(str, refused))}, which the relay never accepts")


class _Embedded(msgspec.Struct):
    # Not as strict as for an event: other parsers may find the tag in what this relay would refuse.
    tags: Any


_decoder = msgspec.json.Decoder(_Embedded)


def _embeds_protected(content: str) -> bool:
    """Return whether a repost's content is the JSON of an event with a "-" tag, or nested too deep to tell."""
    try:
        tags = _decoder.decode(content).tags
    except RecursionError:
        # Other parsers nest deeper, and no event does.
        return True
    except (msgspec.DecodeError, UnicodeError):
        return False
    return isinstance(tags, list) and any(isinstance(tag, list) and tag[:1] == ["-"] for tag in tags)
