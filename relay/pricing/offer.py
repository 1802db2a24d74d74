"""The offer of a note for its price, and its text in an OK, written and read. Knows an invoice as a text only."""

import re
from dataclasses import dataclass

from relay.pricing.bolt11 import MAX_BOLT11_CHARS

# With these words an OK false asks for payment, and says in the rest how.
PAYMENT_REQUIRED = "restricted: payment required: "
_OFFER = re.compile(
    # All satoshis there will ever be have 16 digits.
    r"([1-9][0-9]{0,15}) sat, "
    # A web address: a host (a name, or an IPv6 address in brackets), perhaps a port, and a token of 128 bits.
    r"pay at (https?://(?:[0-9A-Za-z.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?/pay/[0-9a-f]{32}) "
    rf"or lightning:([0-9A-Za-z]{{1,{MAX_BOLT11_CHARS}}})"
)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a note costs and where it is paid: a web page, or a Lightning invoice (BOLT 11)."""

    amount_sat: int
    pay_url: str
    bolt11: str


@dataclass(frozen=True, slots=True)
class PaymentRequired:
    """An offer for one note at one price, until a Unix time. `token` is that of its pay page."""

    offer: Offer
    token: bytes
    note_id: bytes
    price_msat: int
    expires_at: int

    @property
    def text(self) -> str:
        """Return the text of the OK."""
        return encode_offer(self.offer)


def encode_offer(offer: Offer) -> str:
    """Return the text of the OK that makes this offer."""
    return f"{PAYMENT_REQUIRED}{offer.amount_sat} sat, pay at {offer.pay_url} or lightning:{offer.bolt11}"


def read_offer(text: str) -> Offer | None:
    """Return the offer that such a text makes, None where it is not exactly one.

    All of it is safe to print. Whether the invoice is one, and over this amount, is not looked at.
    """
    if not text.startswith(PAYMENT_REQUIRED):
        return None
    found = _OFFER.fullmatch(text, len(PAYMENT_REQUIRED))
    return None if found is None else Offer(int(found[1]), found[2], found[3])
