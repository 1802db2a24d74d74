"""What asks for payment is read back as it was written, and nothing else is read as an offer."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.pricing.bolt11 import MAX_BOLT11_CHARS, read_amount_msat
from relay.pricing.offer import Offer, Purpose, encode_offer, read_offer
from tests.support.bolt11 import make_bolt11

TOKEN = "0123456789abcdef" * 2
TEXT = encode_offer(Offer(210, f"https://relay.example.com/pay/{TOKEN}", "lnbc2100n1qqq", Purpose("/1k", 210)))
pay_urls = st.from_regex(r"https?://[a-z0-9.-]{1,253}(:[0-9]{1,5})?/pay/[0-9a-f]{32}", fullmatch=True)
sats = st.integers(1, 2_100_000_000_000_000)
paths = st.from_regex(r"/[A-Za-z0-9._~-]{0,64}", fullmatch=True)
bolt11s = st.from_regex(r"ln[0-9a-z]{1,300}|LN[0-9A-Z]{1,300}", fullmatch=True)


@st.composite
def make_offers(draw: st.DrawFn) -> Offer:
    """Return an offer of a new note, or of one that is here; of its whole price, or of the rest."""
    price_sat = draw(sats)
    here_sat = draw(st.none() | st.just(0) | sats)
    purpose = Purpose(draw(paths), price_sat, here_sat, here_sat is not None and draw(st.booleans()))
    amount_sat = draw(st.just(price_sat) | st.integers(1, price_sat))
    return Offer(amount_sat, draw(pay_urls), draw(bolt11s), purpose)


offers = make_offers()


@given(offers)
def test_an_offer_is_read_back_as_it_was_written(offer: Offer) -> None:
    assert read_offer(encode_offer(offer)) == offer


def test_an_offer_is_written_as_documented() -> None:
    assert (
        "restricted: payment required: 210 sat for this note on /1k, "
        f"pay at https://relay.example.com/pay/{TOKEN} or lightning:lnbc2100n1qqq"
    ) == TEXT


@pytest.mark.parametrize(
    ("amount_sat", "purpose", "remarks"),
    [
        (210, Purpose("/1k", 210, 0), "it is published already, free; this raises it to 210 sat"),
        (210, Purpose("/1k", 210, 21), "it is published already, at 21 sat; this raises it to 210 sat"),
        (210, Purpose("/1k", 210, 21, True), "it is accepted already, at 21 sat; this raises it to 210 sat"),
        (10, Purpose("/1k", 210), "200 sat of its 210 sat came before"),
        (
            10,
            Purpose("/1k", 210, 21),
            "it is published already, at 21 sat; this raises it to 210 sat; 200 sat of its 210 sat came before",
        ),
    ],
)
def test_an_offer_says_what_the_payment_does(amount_sat: int, purpose: Purpose, remarks: str) -> None:
    offer = Offer(amount_sat, f"https://relay.example.com/pay/{TOKEN}", "lnbc2100n1qqq", purpose)
    expected = TEXT.replace("210 sat", f"{amount_sat} sat").replace(" on /1k", f" on /1k ({remarks})")
    assert encode_offer(offer) == expected
    assert read_offer(expected) == offer


@given(offers, st.data())
def test_a_text_with_one_character_changed_is_no_offer_or_another(offer: Offer, data: st.DataObject) -> None:
    text = encode_offer(offer)
    place = data.draw(st.integers(0, len(text) - 1))
    char = data.draw(st.characters())
    changed = text[:place] + char + text[place + 1 :]
    found = read_offer(changed)
    assert found is None or encode_offer(found) == changed


@given(st.text() | st.from_regex(re.compile(r"restricted: payment required: [ -~]*")))
def test_any_text_gives_an_offer_that_is_written_so_or_none(text: str) -> None:
    found = read_offer(text)
    assert found is None or encode_offer(found) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT[:-13],
        f"{TEXT} ",
        f"{TEXT}\n",
        f" {TEXT}",
        TEXT.replace("restricted", "Restricted"),
        TEXT.replace("210 sat", "0 sat"),
        TEXT.replace("210 sat", "0210 sat"),
        TEXT.replace("210 sat", "-210 sat"),
        TEXT.replace("210 sat", "٢١٠ sat"),
        TEXT.replace("210 sat", f"{10**16} sat"),
        TEXT.replace("210 sat", "210 msat"),
        TEXT.replace("/1k", "1k"),
        TEXT.replace("/1k", "/1k\u202e"),
        TEXT.replace("/1k", "/1k ()"),
        TEXT.replace("/1k", "/1k (200 sat of its 300 sat came before)"),
        TEXT.replace("/1k", "/1k (it is published already, free; this raises it to 211 sat)"),
        TEXT.replace("https:", "javascript:"),
        TEXT.replace("relay.example.com", "me@relay.example.com"),
        TEXT.replace("relay.example.com", "relay\u202e.example.com"),
        TEXT.replace("relay.example.com", "x" * 254),
        TEXT.replace("relay.example.com", ""),
        TEXT.replace(TOKEN, TOKEN.upper()),
        TEXT.replace(TOKEN, f"{TOKEN}0"),
        TEXT.replace(TOKEN, f"{TOKEN}?x=1"),
        TEXT.replace("lnbc", "lnbc\x1b"),
        TEXT.replace("lnbc", "lnbc "),
        TEXT + "q" * MAX_BOLT11_CHARS,
    ],
)
def test_what_is_not_exactly_an_offer_is_none(text: str) -> None:
    assert read_offer(text) is None


@pytest.mark.parametrize("host", ["localhost:7447", "127.0.0.1:80", "[::1]:7447", f"{'a' * 56}.onion"])
def test_a_pay_page_may_be_where_a_relay_can_be(host: str) -> None:
    assert read_offer(TEXT.replace("relay.example.com", host)) is not None


@given(st.integers(1, 2_100_000_000_000_000), st.sampled_from(["bc", "tb", "tbs", "bcrt", "sb"]), st.booleans())
def test_an_amount_in_whole_satoshi_is_read_in_each_unit_that_holds_it(sat: int, network: str, is_upper: bool) -> None:
    amounts = [f"{sat * 10_000}p", f"{sat * 10}n"]
    amounts += [f"{sat // 100}u"] if sat % 100 == 0 else []
    amounts += [f"{sat // 100_000}m"] if sat % 100_000 == 0 else []
    for amount in amounts:
        bolt11 = make_bolt11(amount, network)
        assert read_amount_msat(bolt11.upper() if is_upper else bolt11) == sat * 1_000
