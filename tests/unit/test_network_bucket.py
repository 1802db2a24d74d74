"""Buckets say "same network" and nothing else, and trust a forwarding header only from a listed proxy."""

from ipaddress import ip_network

import pytest

from relay.gateway.network_bucket import NetworkBuckets


def make(*proxies: str) -> NetworkBuckets:
    return NetworkBuckets([ip_network(proxy) for proxy in proxies], now_s=0.0)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("203.0.113.7", "203.0.113.200", True),
        ("203.0.113.7", "203.0.114.7", False),
        ("2001:db8:1:2::3", "2001:db8:1:9::4", True),
        ("2001:db8:1::1", "2001:db8:2::1", False),
        ("::ffff:203.0.113.7", "203.0.113.9", True),
    ],
)
def test_a_bucket_is_a_network_of_24_or_48_bits(one: str, other: str, same: bool) -> None:
    buckets = make()
    assert (buckets.find_bucket(one, "", 0.0) == buckets.find_bucket(other, "", 0.0)) is same


def test_each_circuit_of_tor_is_a_client_of_its_own() -> None:
    buckets = make()
    one, other = (buckets.find_bucket(f"fc00:dead:beef:4dad::{circuit}", "", 0.0) for circuit in ("0:1", "0:2"))
    assert one is not None
    assert one != other
    assert one == buckets.find_bucket("fc00:dead:beef:4dad::0:1", "", 0.0)
    # Another network of that kind is a network.
    assert buckets.find_bucket("fc00:dead:beef:4dae::1", "", 0.0) == buckets.find_bucket(
        "fc00:dead:beef:4dae::2", "", 0.0
    )


def test_who_may_name_another_address_is_listed_or_for_the_proxy_protocol_on_this_machine() -> None:
    buckets = make("10.0.0.0/8", "2001:db8::/32")
    for peer, is_proxy, is_trusted_here in (
        ("10.1.2.3", True, True),
        ("::ffff:10.1.2.3", True, True),
        ("2001:db8::7", True, True),
        ("127.0.0.1", False, True),
        ("::1", False, True),
        ("203.0.113.7", False, False),
        ("", False, False),
    ):
        assert (buckets.is_proxy(peer), buckets.is_trusted_here(peer)) == (is_proxy, is_trusted_here)


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.77.13.9", "::1", "::ffff:127.0.0.1", "", "not an address"])
def test_clients_on_this_machine_have_no_bucket(peer: str) -> None:
    assert make().find_bucket(peer, "", 0.0) is None


def test_a_forwarding_header_of_a_stranger_is_not_read() -> None:
    buckets = make("10.0.0.0/8")
    assert buckets.find_bucket("203.0.113.7", "198.51.100.1", 0.0) == buckets.find_bucket("203.0.113.7", "", 0.0)


def test_behind_listed_proxies_the_last_hop_that_is_none_of_them_counts() -> None:
    buckets = make("127.0.0.0/8", "10.0.0.0/8")
    client = buckets.find_bucket("198.51.100.1", "", 0.0)
    assert buckets.find_bucket("127.0.0.1", "198.51.100.1", 0.0) == client
    # What stands further left is the client's own claim.
    assert buckets.find_bucket("127.0.0.1", "192.0.2.9, 198.51.100.1, 10.1.2.3", 0.0) == client
    assert buckets.find_bucket("127.0.0.1", "198.51.100.1:4711", 0.0) == client
    assert buckets.find_bucket("127.0.0.1", "[2001:db8:1::1]:4711", 0.0) == buckets.find_bucket(
        "2001:db8:1::2", "", 0.0
    )
    assert buckets.find_bucket("127.0.0.1", "", 0.0) is None
    assert buckets.find_bucket("127.0.0.1", "garbage", 0.0) is None


def test_after_an_hour_the_same_network_has_another_bucket() -> None:
    buckets = make()
    before = buckets.find_bucket("203.0.113.7", "", 0.0)
    assert buckets.find_bucket("203.0.113.7", "", 3600.0) == before
    assert buckets.find_bucket("203.0.113.7", "", 3601.0) != before


def test_two_processes_give_one_network_different_buckets() -> None:
    assert make().find_bucket("203.0.113.7", "", 0.0) != make().find_bucket("203.0.113.7", "", 0.0)


def test_a_bucket_does_not_hold_the_address() -> None:
    bucket = make().find_bucket("203.0.113.7", "", 0.0)
    assert bucket is not None
    assert len(bucket) == 32
    assert bytes([203, 0, 113]) not in bucket
