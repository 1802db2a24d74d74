"""What an invoice says it costs: the examples of BOLT 11, and what is none."""

import pytest

from relay.pricing.bolt11 import MAX_BOLT11_CHARS, Bolt11, parse_bolt11, read_amount_msat
from tests.support.bolt11 import make_bolt11, sign_bolt11

# From the examples of BOLT 11 (lightning/bolts, 11-payment-encoding.md).
COFFEE = (
    "lnbc2500u1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpuaztrnwngzn3kdzw5"
    "hydlzf03qdgm2hdq27cqv3agm2awhz5se903vruatfhq77w3ls4evs3ch9zw97j25emudupq63nyw24cg27h2rspfj9srp"
)
CAKE_ON_TESTNET = (
    "lntb20m1pvjluezhp58yjmdan79s6qqdhdzgynm4zwqd5d7xmw5fk98klysy043l2ahrqspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5"
    "rqwzqfqypqfpp3x9et2e20v6pu37c5d9vax37wxq72un98kmzzhznpurw9sgl2v0nklu2g4d0keph5t7tj9tcqd8rexnd07ux4uv2cjvcqwaxgj7v4u"
    "wn5wmypjd5n69z2xm3xgksg28nwht7f6zspwp3f9t"
)
LONG_LIST = (
    "lnbc9678785340p1pwmna7lpp5gc3xfm08u9qy06djf8dfflhugl6p7lgza6dsjxq454gxhj9t7a0sd8dgfkx7cmtwd68yetpd5s9xar0wfjn5gpc8q"
    "hrsdfq24f5ggrxdaezqsnvda3kkum5wfjkzmfqf3jkgem9wgsyuctwdus9xgrcyqcjcgpzgfskx6eqf9hzqnteypzxz7fzypfhg6trddjhygrcyqezcg"
    "pzfysywmm5ypxxjemgw3hxjmn8yptk7untd9hxwg3q2d6xjcmtv4ezq7pqxgsxzmnyyqcjqmt0wfjjq6t5v4khxxqyjw5qcqp2rzjq0gxwkzc8w6323"
    "m55m4jyxcjwmy7stt9hwkwe2qxmy8zpsgg7jcuwz87fcqqeuqqqyqqqqlgqqqqn3qq9qn07ytgrxxzad9hc4xt3mawjjt8znfv8xzscs7007v9gh9j5"
    "69lencxa8xeujzkxs0uamak9aln6ez02uunw6rd2ht2sqe4hz8thcdagpleym0j"
)
BEANS_IN_UPPER_CASE = (
    "LNBC25M1PVJLUEZPP5QQQSYQCYQ5RQWZQFQQQSYQCYQ5RQWZQFQQQSYQCYQ5RQWZQFQYPQDQ5VDHKVEN9V5SXYETPDEESSP5ZYG3ZYG3ZYG3ZYG3ZYG"
    "3ZYG3ZYG3ZYG3ZYG3ZYG3ZYG3ZYG3ZYGS9Q5SQQQQQQQQQQQQQQQPQSQ67GYE39HFG3ZD8RGC80K32TVY9XK2XUNWM5LZEXNVPX6FD77EN8QAQ424DX"
    "GT56CAG2DPT359K3SSYHETKTKPQH24JQNJYW6UQD08SGPTQ44QU"
)
WRONG_CHECKSUM = f"{COFFEE[:-1]}t"
MIXED_CASE = COFFEE.replace("lnbc", "LNBC")
INVALID_MULTIPLIER = (
    "lnbc2500x1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpujr6jxr9gq9pv6g4"
    "6y7d20jfkegkg4gljz2ea2a3m9lmvvr95tq2s0kvu70u3axgelz3kyvtp2ywwt0y8hkx2869zq5dll9nelr83zzqqpgl2zg"
)
PARTS_OF_A_MSAT = (
    "lnbc2500000001p1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu7hqtk93pk"
    "f7sw55rdv4k9z2vj050rxdr6za9ekfs3nlt5lr89jqpdmxsmlj9urqumg0h9wzpqecw7th56tdms40p2ny9q4ddvjsedzcplva53s"
)


@pytest.mark.parametrize(
    ("bolt11", "msat"),
    [
        (COFFEE, 250_000_000),
        (CAKE_ON_TESTNET, 2_000_000_000),
        (LONG_LIST, 967_878_534),
        (BEANS_IN_UPPER_CASE, 2_500_000_000),
        (make_bolt11("2"), 200_000_000_000),
        (make_bolt11("2100n"), 210_000),
        (make_bolt11("10p"), 1),
        (make_bolt11("1m", "tb"), 100_000_000),
        (make_bolt11("1m", "tbs"), 100_000_000),
        (make_bolt11("1m", "bcrt"), 100_000_000),
        (make_bolt11("1m", "sb"), 100_000_000),
    ],
)
def test_the_amount_of_an_invoice_is_read(bolt11: str, msat: int) -> None:
    assert read_amount_msat(bolt11) == msat


@pytest.mark.parametrize(
    "bolt11",
    [
        WRONG_CHECKSUM,
        MIXED_CASE,
        INVALID_MULTIPLIER,
        PARTS_OF_A_MSAT,
        COFFEE.partition("1")[2],
        make_bolt11(""),
        make_bolt11("0"),
        make_bolt11("0n"),
        make_bolt11("021n"),
        make_bolt11("-1n"),
        make_bolt11("1" + "0" * 20),
        make_bolt11("m"),
        make_bolt11("1m", "ltc"),
        make_bolt11("1m", "BC"),
        f" {COFFEE}",
        f"{COFFEE}\n",
        f"lightning:{COFFEE}",
        COFFEE.replace("k", "\u212a"),
        make_bolt11("1m") * 8,
        "lnbc1m1",
        "1",
        "",
    ],
)
def test_what_names_no_amount_or_is_no_invoice_has_none(bolt11: str) -> None:
    assert read_amount_msat(bolt11) is None


def test_an_invoice_may_be_longer_than_an_address_but_not_without_end() -> None:
    assert 90 < len(make_bolt11()) < MAX_BOLT11_CHARS
    assert read_amount_msat("q" * 10_000_000) is None


# All examples of BOLT 11 are signed by this node.
_PAYEE = bytes.fromhex("03e7156ae33b0a208d0744199163177e909e80176e55d97a2f221ede0f934dd9ad")
_HASH = bytes.fromhex("0001020304050607080900010203040506070809000102030405060708090102")


@pytest.mark.parametrize(
    ("bolt11", "said"),
    [
        (COFFEE, Bolt11("bc", 250_000_000, _HASH, 1_496_314_658 + 60, _PAYEE)),
        (CAKE_ON_TESTNET, Bolt11("tb", 2_000_000_000, _HASH, 1_496_314_658 + 3_600, _PAYEE)),
        (BEANS_IN_UPPER_CASE, Bolt11("bc", 2_500_000_000, _HASH, 1_496_314_658 + 3_600, _PAYEE)),
    ],
    ids=["coffee", "cake", "beans"],
)
def test_an_invoice_says_its_network_hash_expiry_and_payee(bolt11: str, said: Bolt11) -> None:
    assert parse_bolt11(bolt11) == said


@pytest.mark.parametrize("bolt11", [WRONG_CHECKSUM, MIXED_CASE, INVALID_MULTIPLIER, "", "lnbc1", "x" * 3_000])
def test_what_is_no_invoice_says_nothing(bolt11: str) -> None:
    assert parse_bolt11(bolt11) is None


def test_every_cut_of_an_invoice_says_nothing() -> None:
    for end in range(len(COFFEE)):
        assert parse_bolt11(COFFEE[:end]) is None


def test_an_invoice_of_our_own_is_read_as_it_was_written() -> None:
    said = parse_bolt11(sign_bolt11("lnbcrt10u", b"\x07" * 32, 77, made_at=1_700_000_000))
    assert said is not None
    assert (said.network, said.amount_msat, said.payment_hash) == ("bcrt", 1_000_000, b"\x07" * 32)
    assert said.expires_at == 1_700_000_077
