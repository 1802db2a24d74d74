"""Network buckets: what tells whether two clients are in the same network, and nothing else. Keeps no address.

A bucket is an HMAC of the /24 (IPv4) or /48 (IPv6), or of a whole address that stands for a circuit of Tor. Its key is only
in memory and is replaced every hour, so a bucket cannot be reversed, and cannot be compared with one of yesterday.
"""

import hmac
import ipaddress
import secrets
from collections.abc import Sequence

_KEY_LIFETIME_S = 3600.0
# Tor names each circuit of an onion service by an address of its own in here (HiddenServiceExportCircuitID haproxy).
_TOR_CIRCUITS = ipaddress.IPv6Network("fc00:dead:beef:4dad::/64")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class NetworkBuckets:
    """The key of the current hour, and the proxies that may name other addresses."""

    def __init__(self, trusted_proxies: Sequence[Network], now_s: float) -> None:
        self._trusted_proxies = trusted_proxies
        self._key = secrets.token_bytes(32)
        self._key_made_s = now_s

    def is_proxy(self, peer: str) -> bool:
        """Return whether a peer may name the address that it speaks for."""
        # To read an address takes 5 microseconds, and most relays list no proxy.
        return bool(self._trusted_proxies) and self._is_listed(_parse_address(peer))

    def is_trusted_here(self, peer: str) -> bool:
        """Return whether a peer may speak the PROXY protocol: one on this machine, such as Tor, or a listed proxy."""
        address = _parse_address(peer)
        return address is not None and (address.is_loopback or self._is_listed(address))

    def find_bucket(self, peer: str, forwarded_for: str, now_s: float) -> bytes | None:
        """Return the bucket of a client, or None for one on this machine, such as clients of Tor or of a local proxy.

        `forwarded_for` is the X-Forwarded-For header. It is used only if the peer is a listed proxy. It is read from the
        right, past listed proxies: anything further left is the client's own claim.
        """
        client = _parse_address(peer)
        hops = [hop.strip() for hop in forwarded_for.split(",")] if forwarded_for else []
        while hops and self._is_listed(client):
            client = _parse_address(hops.pop())
        if client is None or client.is_loopback:
            return None
        self.replace_old_key(now_s)
        return hmac.digest(self._key, _find_network(client), "sha256")

    def _is_listed(self, address: Address | None) -> bool:
        return address is not None and any(address in proxy for proxy in self._trusted_proxies)

    def replace_old_key(self, now_s: float) -> bool:
        """Replace the key if it is an hour old, and return whether it was. Also call this when nobody connects."""
        if now_s - self._key_made_s <= _KEY_LIFETIME_S:
            return False
        self._key, self._key_made_s = secrets.token_bytes(32), now_s
        return True


def _find_network(client: Address) -> bytes:
    if client.version == 4:
        return client.packed[:3]
    return client.packed if client in _TOR_CIRCUITS else client.packed[:6]


def _parse_address(address: str) -> Address | None:
    # Some proxies add a port: `192.0.2.1:4711`, `[2001:db8::1]:4711`.
    if address.startswith("["):
        address = address[1:].partition("]")[0]
    elif address.count(":") == 1:
        address = address.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed
