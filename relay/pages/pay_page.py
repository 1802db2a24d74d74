"""The pay page of a note and the page of prices, as HTML and JSON. Knows no socket, no database and no clock.

Callers pass what the relay knows of a token, never the note itself. A note's id appears once the note is published.
"""

import base64
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec
import segno
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from relay.http.accept import weigh
from relay.protocol.nip19 import encode_nevent
from relay.storage.payments.pay_status import PayState, PayStatus

_HTML, _JSON = "text/html", "application/json"
_UNKNOWN = "the address is unknown, its invoice has expired, or it was forgotten after the note was published"
_TEMPLATES = Path(__file__).with_name("templates")
_STATIC = Path(__file__).with_name("static")
_STYLE = (_STATIC / "page.css").read_text(encoding="utf-8")
_SCRIPT = (_STATIC / "pay.js").read_text(encoding="utf-8")
# Often enough for a reader who waits, and rarely enough to select an invoice and copy it by hand.
_REFRESH_S = 10
# QR codes of 6 KiB each. As many as invoices can be open by default: with fewer, requests for each in turn would never hit.
_MAX_CACHED_QRS = 1_000


def _to_csp_source(text: str) -> str:
    """Return the source expression (CSP, section 2.3.1) that allows exactly this text inline."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


_HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            f"script-src {_to_csp_source(_SCRIPT)}",
            f"style-src {_to_csp_source(_STYLE)}",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    ),
    # The address alone gives access to the page: it must not get into a log, a cache or an index.
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept",
}


_STATUSES = {
    PayState.OPEN: HTTPStatus.PAYMENT_REQUIRED,
    PayState.SUSPENDED: HTTPStatus.CONFLICT,
    PayState.PAID: HTTPStatus.ACCEPTED,
    PayState.PUBLISHED: HTTPStatus.OK,
    PayState.UNPUBLISHED: HTTPStatus.CONFLICT,
}


@dataclass(frozen=True, slots=True)
class TierLine:
    """The price of a tier and what it covers. If the price is 0 sat, a note needs proof of work (NIP-13) alone."""

    path: str
    price_sat: int
    pow_bits: int
    max_ring: int
    max_kib: int


@dataclass(frozen=True, slots=True)
class Page:
    """An HTTP answer. `type` is the whole Content-Type, `headers` are the page's other headers."""

    status: HTTPStatus
    type: str
    body: bytes
    headers: dict[str, str]


class PayPages:
    """The pages of one relay.

    `relay_url` is where clients connect, ws or wss. Raises ValueError for a URL that does not fit into a nevent (NIP-19).
    """

    def __init__(self, name: str, relay_url: str, longest_wait_s: float) -> None:
        encode_nevent(bytes(32), relay_url)
        self._relay_url = relay_url
        templates = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        templates.globals |= {
            "name": name,
            "delay": _describe_duration(longest_wait_s) if longest_wait_s else "",
            "refresh_s": _REFRESH_S,
            "style": _STYLE,
            "script": _SCRIPT,
        }
        self._pay = templates.get_template("pay.html")
        self._tiers = templates.get_template("tiers.html")
        # A page is requested every few seconds, by anybody who has its address, and drawing a code takes 10 ms.
        self._draw_qr = lru_cache(maxsize=_MAX_CACHED_QRS)(_draw_qr)
        # The same answer for every token without a page, so that guessing a token, or keeping one, reveals nothing.
        self._unknown_html = _build_html(HTTPStatus.NOT_FOUND, templates.get_template("unknown.html").render())
        self._unknown_json = _build_json(HTTPStatus.NOT_FOUND, {"error": _UNKNOWN})

    def render_pay_page(self, status: PayStatus | None, accept: str, now: int) -> Page:
        """Return a token's page in the form that an Accept header asks for. `status` is None for an unknown token."""
        as_json = _prefers_json(accept)
        if status is None or _has_expired(status, now):
            return self._unknown_json if as_json else self._unknown_html
        if as_json:
            return _build_json(_STATUSES[status.state], _list_members(status))
        return _build_html(HTTPStatus.OK, self._pay.render(self._list_values(status, now)))

    def render_tiers(self, tiers: Sequence[TierLine]) -> Page:
        """Return the page that explains how posting works and what it costs on each path."""
        base = self._relay_url.rstrip("/")
        rows = [(base + tier.path, tier) for tier in tiers]
        is_sold = any(tier.price_sat for tier in tiers)
        return _build_html(HTTPStatus.OK, self._tiers.render(rows=rows, is_sold=is_sold))

    def _list_values(self, status: PayStatus, now: int) -> dict[str, Any]:
        """Return the template's values for this state, and nothing of another state."""
        values: dict[str, Any] = {
            "state": status.state,
            "tier": status.tier,
            "amount": _describe_sat(status.amount_msat),
        }
        if status.state is PayState.OPEN and status.bolt11 and status.expires_at:
            left_s = status.expires_at - now
            values |= {"bolt11": status.bolt11, "qr": self._draw_qr(status.bolt11)}
            values |= {"left_s": left_s, "left": f"about {_describe_duration(left_s)}"}
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


def _describe_sat(amount_msat: int) -> str:
    sat, rest_msat = divmod(amount_msat, 1000)
    return f"{sat:,}.{rest_msat:03}".rstrip("0") if rest_msat else f"{sat:,}"


def _describe_duration(seconds: float) -> str:
    """Return a duration in words, rounded up."""
    count, unit = (math.ceil(seconds / 60), "minute") if seconds > 90 else (math.ceil(seconds), "second")
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _draw_qr(bolt11: str) -> str:
    """Return an SVG. BOLT 11 recommends upper case in QR codes, which then have fewer and larger modules."""
    code = segno.make_qr(f"lightning:{bolt11}".upper(), error="l")
    # Colours are attributes, not styles, because of the content security policy. Scanners need a light quiet zone.
    return code.svg_inline(omitsize=True, border=4, dark="#000", light="#fff")


def _build_html(status: HTTPStatus, text: str) -> Page:
    return Page(status, f"{_HTML}; charset=utf-8", text.encode(), dict(_HEADERS))


def _build_json(status: HTTPStatus, members: dict[str, Any]) -> Page:
    return Page(status, _JSON, msgspec.json.encode(members), {**_HEADERS, "Access-Control-Allow-Origin": "*"})
