"""The pay page of a note, as HTML and JSON. Knows no socket, no database and no clock.

Callers pass what the relay knows of a token, never the note itself. A note's id appears once the note is published.
"""

import gettext
from functools import lru_cache
from http import HTTPStatus
from typing import Any

import msgspec
import segno

from relay.http.accept import weigh
from relay.http.answer import Answer, build_answer
from relay.pages.durations import describe_duration
from relay.pages.headers import PRIVATE, build_page
from relay.pages.numbers import group_digits
from relay.pages.renderer import Renderer
from relay.protocol.nip19 import encode_nevent
from relay.storage.payments.pay_status import PayState, PayStatus

_HTML, _JSON = "text/html", "application/json"
_UNKNOWN = "the address is unknown, its invoice has expired, or it was forgotten after the note was published"
_UNAVAILABLE = "the database is not available; try again in a minute"
# Often enough for a reader who waits, and rarely enough to select an invoice and copy it by hand.
_REFRESH_S = 10
# QR codes of 6 KiB each. As many as invoices can be open by default: with fewer, requests for each in turn would never hit.
_MAX_CACHED_QRS = 1_000
_STATUSES = {
    PayState.OPEN: HTTPStatus.PAYMENT_REQUIRED,
    PayState.SUSPENDED: HTTPStatus.CONFLICT,
    PayState.PAID: HTTPStatus.ACCEPTED,
    PayState.PUBLISHED: HTTPStatus.OK,
    PayState.UNPUBLISHED: HTTPStatus.CONFLICT,
}


class PayPages:
    """The pay pages of one relay.

    `relay_url` is where clients connect, ws or wss. Raises ValueError for a URL that does not fit into a nevent (NIP-19).
    """

    def __init__(self, relay_url: str, longest_wait_s: float) -> None:
        encode_nevent(bytes(32), relay_url)
        self._relay_url = relay_url
        self._longest_wait_s = longest_wait_s
        # A page is requested every few seconds, by anybody who has its address, and drawing a code takes 10 ms.
        self._draw_qr = lru_cache(maxsize=_MAX_CACHED_QRS)(_draw_qr)

    def render_pay_page(self, status: PayStatus | None, accept: str, now: int, renderer: Renderer) -> Answer:
        """Return a token's page in the form that an Accept header asks for. `status` is None for an unknown token."""
        as_json = _prefers_json(accept)
        if status is None or _has_expired(status, now):
            # The same answer for every token without a page, so that guessing a token, or keeping one, reveals nothing.
            if as_json:
                return _build_json(HTTPStatus.NOT_FOUND, {"error": _UNKNOWN})
            return build_page(renderer.render("unknown.html"), HTTPStatus.NOT_FOUND, is_private=True)
        if as_json:
            return _build_json(_STATUSES[status.state], _list_members(status))
        return build_page(renderer.render("pay.html", **self._list_values(status, now, renderer)), is_private=True)

    def render_unavailable(self, accept: str, renderer: Renderer) -> Answer:
        """Return that the state of a note is not known now, in the form that an Accept header asks for."""
        if _prefers_json(accept):
            return _build_json(HTTPStatus.SERVICE_UNAVAILABLE, {"error": _UNAVAILABLE})
        html = renderer.render("pay_unavailable.html", refresh_s=_REFRESH_S)
        return build_page(html, HTTPStatus.SERVICE_UNAVAILABLE, is_private=True)

    def _list_values(self, status: PayStatus, now: int, renderer: Renderer) -> dict[str, Any]:
        """Return the template's values for this state, and nothing of another state."""
        wait_s = self._longest_wait_s
        values: dict[str, Any] = {
            "state": status.state,
            "tier": status.tier,
            "amount": _describe_sat(status.amount_msat, renderer.translations),
            "refresh_s": _REFRESH_S,
            "delay": describe_duration(wait_s, renderer.translations) if wait_s else "",
        }
        if status.state is PayState.OPEN and status.bolt11 and status.expires_at:
            left_s = status.expires_at - now
            values |= {"bolt11": status.bolt11, "qr": self._draw_qr(status.bolt11)}
            values |= {"left_s": left_s, "left": describe_duration(left_s, renderer.translations)}
        if status.state is PayState.PUBLISHED and status.note_id:
            values["nevent"] = encode_nevent(bytes.fromhex(status.note_id), self._relay_url)
        return values


def _list_members(status: PayStatus) -> dict[str, Any]:
    members: dict[str, Any] = {"state": status.state, "amount_msat": status.amount_msat, "tier": status.tier}
    if status.state is PayState.OPEN:
        members |= {"bolt11": status.bolt11, "expires_at": status.expires_at}
    if status.state is PayState.PUBLISHED:
        members["note"] = status.note_id
    return members


def _has_expired(status: PayStatus, now: int) -> bool:
    """Return whether an invoice has expired. It is then unknown, whether it is already removed or not."""
    return status.state is PayState.OPEN and status.expires_at is not None and status.expires_at <= now


def _prefers_json(accept: str) -> bool:
    """Return whether an Accept header asks for JSON rather than for HTML, which is the answer to whoever does not say."""
    as_json, as_html = weigh(accept, _JSON), weigh(accept, _HTML)
    return as_json.quality > 0 and as_json > as_html


def _describe_sat(amount_msat: int, translations: gettext.NullTranslations) -> str:
    sat, rest_msat = divmod(amount_msat, 1000)
    # A decimal point, which Spanish takes as well as a comma.
    fraction = f".{rest_msat:03}".rstrip("0") if rest_msat else ""
    return group_digits(sat, translations) + fraction


def _draw_qr(bolt11: str) -> str:
    """Return an SVG. BOLT 11 recommends upper case in QR codes, which then have fewer and larger modules."""
    code = segno.make_qr(f"lightning:{bolt11}".upper(), error="l")
    # Colours are attributes, not styles, because of the content security policy. Scanners need a light quiet zone.
    return code.svg_inline(omitsize=True, border=4, dark="#000", light="#fff")


def _build_json(status: HTTPStatus, members: dict[str, Any]) -> Answer:
    return build_answer(status, _JSON, msgspec.json.encode(members), {**PRIVATE, "X-Content-Type-Options": "nosniff"})
