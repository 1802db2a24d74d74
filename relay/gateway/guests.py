"""Who is connected: how many, in all and from each network, whoever serves them. The only file that sees a client's address.

An address becomes a bucket, which identifies a network for an hour. Then the address is dropped.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from http import HTTPStatus

from relay.delivery.visitor import Visitor
from relay.gateway.network_bucket import Network, NetworkBuckets
from relay.http.answer import Refused, refuse
from relay.limits import Limits
from relay.policy.rate_limit import TokenBucket

# Above the limit so many more are told that the relay is full. All others are cut off.
_MAX_REFUSED = 64


class Guests:
    """The connections of the public ports, from the first byte to the end, each with the bucket of its network if known."""

    def __init__(
        self,
        trusted_proxies: Sequence[Network],
        limits: Limits,
        now_s: Callable[[], float],
        make_share: Callable[[float], TokenBucket],
        make_visitor: Callable[[float, TokenBucket | None], Visitor],
    ) -> None:
        self._limits = limits
        self._now_s = now_s
        self._networks = NetworkBuckets(trusted_proxies, now_s())
        self._buckets: dict[asyncio.Transport, bytes | None] = {}
        self._counts: Counter[bytes] = Counter()
        # They outlast the connections of their network: else it had another share with each.
        self._make_share = make_share
        self._shares: dict[bytes, TokenBucket] = {}
        self._make_visitor = make_visitor
        self._visitors: dict[bytes, Visitor] = {}

    def list_all(self) -> list[asyncio.Transport]:
        """Return all connections."""
        return list(self._buckets)

    def enter(self, transport: asyncio.Transport) -> None:
        """Count a connection. Raises Refused if the relay is full."""
        self._buckets[transport] = None
        excess = len(self._buckets) - self._limits.max_connections
        if excess > _MAX_REFUSED:
            transport.abort()
        elif excess > 0:
            raise Refused(refuse(HTTPStatus.SERVICE_UNAVAILABLE, "the relay is full; try again later"))

    def may_speak_for_others(self, transport: asyncio.Transport) -> bool:
        """Return whether a connection may begin with a PROXY header: it comes from this machine, or a listed proxy."""
        return self._networks.is_trusted_here(_find_peer(transport))

    def identify(self, transport: asyncio.Transport, source: str, headers: dict[str, list[str]] | None = None) -> bool:
        """Count a connection to its network, and return whether that is known now. Raises Refused if there are too many.

        `source` is the address in a PROXY header, if any. Whom a listed proxy speaks for is in its request's headers.
        """
        peer = source or _find_peer(transport)
        if headers is None and self._networks.is_proxy(peer):
            return False
        forwarded_for = ",".join((headers or {}).get("x-forwarded-for", []))
        self._replace_old_key()
        bucket = self._networks.find_bucket(peer, forwarded_for, self._now_s())
        if bucket is not None:
            limit = self._limits.max_connections_per_network
            if limit and self._counts[bucket] >= limit:
                text = "too many connections from your network; close some and try again"
                raise Refused(refuse(HTTPStatus.TOO_MANY_REQUESTS, text))
            self._buckets[transport] = bucket
            self._counts[bucket] += 1
        return True

    def find_share(self, transport: asyncio.Transport) -> TokenBucket | None:
        """Return what the network of a connection may have held, None if its network is not known."""
        bucket = self._buckets.get(transport)
        if bucket is None:
            return None
        if bucket not in self._shares:
            self._shares[bucket] = self._make_share(self._now_s())
        return self._shares[bucket]

    def find_visitor(self, transport: asyncio.Transport) -> Visitor:
        """Return what the network of a connection may do by plain HTTP. One that is not known shares nothing."""
        bucket = self._buckets.get(transport)
        if bucket is None:
            return self._make_visitor(self._now_s(), None)
        if bucket not in self._visitors:
            self._visitors[bucket] = self._make_visitor(self._now_s(), self.find_share(transport))
        return self._visitors[bucket]

    def leave(self, transport: asyncio.Transport) -> None:
        """Forget a connection that has ended."""
        bucket = self._buckets.pop(transport, None)
        if bucket is not None:
            self._counts[bucket] -= 1
            if not self._counts[bucket]:
                del self._counts[bucket]

    def forget_old(self) -> None:
        """Forget the hourly key of the buckets, and shares that nobody needs. Also call this when nobody connects."""
        self._replace_old_key()
        now_s = self._now_s()
        # Circuits of Tor are many, and each has its own. A new share is as good as one that is whole, but two are not one.
        self._shares = {
            bucket: share
            for bucket, share in self._shares.items()
            if bucket in self._counts or not share.is_full(now_s)
        }
        self._visitors = {
            bucket: visitor
            for bucket, visitor in self._visitors.items()
            if bucket in self._counts or not visitor.is_as_new(now_s)
        }

    def _replace_old_key(self) -> None:
        if self._networks.replace_old_key(self._now_s()):
            self._shares.clear()
            self._visitors.clear()


def _find_peer(transport: asyncio.Transport) -> str:
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if peer else ""
