"""The keys of a published list: a follow list (NIP-02) or a list of NIP-51. Knows no ring."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relay.client.network.subscription import fetch_stored
from relay.client.signing import keys
from relay.client.terminal.bad_input import BadInput
from relay.protocol.event import Event, KindClass, classify, find_tag

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

FOLLOWS = 3
# A relay keeps one version of a list; one that keeps more sends the newest first.
_MAX_VERSIONS = 10
_KIND = re.compile(r"(?P<kind>[0-9]{1,5})(?::(?P<d>.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ListAddress:
    """The address of a list: its author's 32-byte key, its kind, and its `d` tag if the kind has one."""

    author: bytes
    kind: int
    d: str | None = None


def parse_list_address(author: str, kind_and_d: str) -> ListAddress:
    """Return the address of an npub and `KIND` or `KIND:D`, for example 30000:board. Raises BadInput."""
    key = keys.parse_public_key(author)
    found = _KIND.fullmatch(kind_and_d)
    kind = int(found["kind"]) if found else -1
    if found is None or classify(kind) not in (KindClass.REPLACEABLE, KindClass.ADDRESSABLE) or kind > 65_535:
        raise BadInput("--from-list takes KIND or KIND:D of a list (NIP-51), for example 10000, or 30000:board")
    if classify(kind) is KindClass.REPLACEABLE:
        if found["d"] is not None:
            raise BadInput(f"--from-list: kind {kind} is one list an author, without :D")
        return ListAddress(key, kind)
    return ListAddress(key, kind, found["d"] or "")


async def fetch_list(connection: "ClientConnection", address: ListAddress, timeout_s: float) -> Event:
    """Return a relay's newest version of a list that its author signed. Raises BadInput."""
    filter_: dict[str, Any] = {"kinds": [address.kind], "authors": [address.author.hex()], "limit": _MAX_VERSIONS}
    if address.d is not None:
        filter_["#d"] = [address.d]
    found = pick_newest(await fetch_stored(connection, filter_, timeout_s, _MAX_VERSIONS), address)
    if found is None:
        raise BadInput("the relay has no such list: check the npub, the kind and its name, or ask another relay")
    return found


def pick_newest(events: Iterable[Event], address: ListAddress) -> Event | None:
    """Return the version of the list that replaces the others (NIP-01); events of other lists do not count."""
    fitting = [event for event in events if _is_version_of(event, address)]
    # NIP-01: with equal created_at the lowest id is kept.
    return min(fitting, key=lambda event: (-event.created_at, event.id), default=None)


def list_keys(event: Event) -> list[str]:
    """Return the values of the `p` tags. Entries that the author encrypted are not among them."""
    return [tag[1] for tag in event.tags if tag[0] == "p" and len(tag) > 1]


def _is_version_of(event: Event, address: ListAddress) -> bool:
    if event.pubkey != address.author.hex() or event.kind != address.kind:
        return False
    return address.d is None or (find_tag(event, "d") or "") == address.d
