"""The offer of a note for its price, and its text in an OK, written and read. Knows an invoice as a text only."""

import re
from dataclasses import dataclass

from relay.pricing.bolt11 import MAX_BOLT11_CHARS

# With these words an OK false asks for payment, and says in the rest what for and how.
PAYMENT_REQUIRED = "restricted: payment required: "
# All satoshis there will ever be have 16 digits.
_SAT = "[1-9][0-9]{0,15}"
_OFFER = re.compile(
    rf"(?P<amount>{_SAT}) sat for this note on (?P<path>/[A-Za-z0-9._~-]{{0,64}})"
    r"(?: \("
    rf"(?:it is (?P<here>published|accepted) already, (?:free|at (?P<at>{_SAT}) sat); this raises it to (?P<price>{_SAT}) sat)?"
    r"(?:; )?"
    rf"(?:{_SAT} sat of its (?P<whole>{_SAT}) sat came before)?"
    r"\))?, "
    # A web address: a host (a name, or an IPv6 address in brackets), perhaps a port, and a token of 128 bits.
    r"pay at (?P<url>https?://(?:[0-9A-Za-z.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?/pay/[0-9a-f]{32}) "
    rf"or lightning:(?P<bolt11>[0-9A-Za-z]{{1,{MAX_BOLT11_CHARS}}})"
)


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a payment is for: a note on a path at a price.

    `here_sat` is the price at which the note is here already, 0 for free, None where it is not; `is_held`, that it still waits
    to be published.
    """

    path: str
    price_sat: int
    here_sat: int | None = None
    is_held: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """What is asked for a note and where it is paid: a web page, or a Lightning invoice (BOLT 11).

    The amount is below the price where a part of it came before.
    """

    amount_sat: int
    pay_url: str
    bolt11: str
    purpose: Purpose


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
    remarks = "; ".join(_list_remarks(offer))
    return (
        f"{PAYMENT_REQUIRED}{offer.amount_sat} sat for this note on {offer.purpose.path}{f' ({remarks})' if remarks else ''}, "
        f"pay at {offer.pay_url} or lightning:{offer.bolt11}"
    )


def _list_remarks(offer: Offer) -> list[str]:
    purpose = offer.purpose
    remarks = []
    if purpose.here_sat is not None:
        place = "accepted" if purpose.is_held else "published"
        price = f"at {purpose.here_sat} sat" if purpose.here_sat else "free"
        remarks.append(f"it is {place} already, {price}; this raises it to {purpose.price_sat} sat")
    if offer.amount_sat < purpose.price_sat:
        came_sat = purpose.price_sat - offer.amount_sat
        remarks.append(f"{came_sat} sat of its {purpose.price_sat} sat came before")
    return remarks


def read_offer(text: str) -> Offer | None:
    """Return the offer that such a text makes, None where it is not exactly one.

    All of it is safe to print. Whether the invoice is one, and over this amount, is not looked at.
    """
    if not text.startswith(PAYMENT_REQUIRED):
        return None
    found = _OFFER.fullmatch(text, len(PAYMENT_REQUIRED))
    if found is None:
        return None
    here_sat = None if found["here"] is None else int(found["at"] or 0)
    price_sat = int(found["price"] or found["whole"] or found["amount"])
    purpose = Purpose(found["path"], price_sat, here_sat, found["here"] == "accepted")
    offer = Offer(int(found["amount"]), found["url"], found["bolt11"], purpose)
    # Its figures must agree.
    return offer if encode_offer(offer) == text else None
