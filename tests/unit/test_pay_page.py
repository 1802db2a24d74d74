"""The pay page as it is rendered: what it says in each state, what it never says, and what browsers may do with it."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import pytest
import segno
import zxingcpp
from nostr_sdk import Nip19Event

from relay.http.answer import Answer
from relay.pages import pay_page
from relay.pages.pay_page import PayPages
from relay.pages.prices_page import TierLine, render_prices
from relay.pages.renderer import Renderer
from relay.storage.payments.pay_status import PayState, PayStatus
from tests.support.pay import BOLT11

NOW = 1_800_000_000
NOTE_ID = "5c" * 32
RELAY_URL = "wss://relay.example"
HTML, JSON = "text/html,application/xhtml+xml,*/*;q=0.8", "application/json"
TIERS = (TierLine("/", 0, 16, 256, 32), TierLine("/10k", 10_000, 0, 1024, 64), TierLine("/odd", 21, 2, 7, 1))

OPEN = PayStatus(PayState.OPEN, "/250k", 250_000_000, BOLT11, NOW + 712, None)
# What is told too much, as a caller might by mistake, is not shown.
PAID = replace(OPEN, state=PayState.PAID, note_id=NOTE_ID)
PUBLISHED = replace(PAID, state=PayState.PUBLISHED)
SUSPENDED = replace(OPEN, state=PayState.SUSPENDED, bolt11=None, expires_at=None)
STATES = (OPEN, SUSPENDED, PAID, PUBLISHED)
PAGES = PayPages(RELAY_URL, 0)
ENGLISH = Renderer("en", "A relay")


def render(
    status: PayStatus | None, accept: str = HTML, pages: PayPages = PAGES, renderer: Renderer = ENGLISH
) -> Answer:
    return pages.render_pay_page(status, accept, NOW, renderer)


def show_prices(tiers: Sequence[TierLine] = TIERS, url: str = RELAY_URL, wait_s: float = 0) -> Answer:
    return render_prices(list(tiers), url, wait_s, ENGLISH)


def text_of(page: Answer) -> str:
    return page.body.decode()


def type_of(page: Answer) -> str:
    return page.headers["Content-Type"]


def list_pages() -> list[Answer]:
    return [*(render(status) for status in (*STATES, None)), show_prices()]


def read_qr(svg: str) -> str:
    """Draw the modules as the SVG's path says, eight dots each, and read them as a camera would."""
    size = int(re.search(r'viewBox="0 0 (\d+) \1"', svg)[1])  # type: ignore[index]
    dots = bytearray(b"\xff" * (8 * size) ** 2)
    x, y = 0, 0.0
    for command, numbers in re.findall(r"([Mmh])([-\d. ]*)", re.search(r'stroke="#000" d="([^"]*)"', svg)[1]):  # type: ignore[index]
        values = [float(number) for number in re.findall(r"-?[\d.]+", numbers)]
        if command == "h":
            for row in range(8 * int(y), 8 * int(y) + 8):
                start = row * 8 * size + 8 * x
                dots[start : start + 8 * int(values[0])] = bytes(8 * int(values[0]))
            x += int(values[0])
        else:
            x, y = (int(values[0]), values[1]) if command == "M" else (x + int(values[0]), y + values[1])
    (code,) = zxingcpp.read_barcodes(memoryview(bytes(dots)).cast("B", (8 * size, 8 * size)), try_invert=False)
    return str(code.text)


def test_the_policy_allows_no_script_but_files_of_the_relay() -> None:
    for page in list_pages():
        policy = page.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
        for rule in ("connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
            assert f"; {rule}" in policy
        assert "require-trusted-types-for 'script'" in policy


def test_nothing_on_a_page_needs_more_than_the_policy_allows() -> None:
    for page in list_pages():
        text = text_of(page)
        assert not re.search(r"<[^>]*\s(style|on\w+)\s*=", text)
        assert re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL) in ([], [""])
        assert "<style" not in text


def test_no_page_names_another_host() -> None:
    for page in list_pages():
        text = text_of(page).replace(f"<code>{RELAY_URL}/", "<code>").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"(https?|wss?):|//[a-z]|@import|url\(", text)
        for link in re.findall(r'(?:href|src)="([^"]*)"', text):
            assert link.startswith(("/", "#main", "lightning:lnbc", "nostr:nevent1"))


@pytest.mark.parametrize("accept", [HTML, JSON])
def test_no_answer_is_kept_framed_indexed_or_sent_on(accept: str) -> None:
    for status in (*STATES, None):
        headers = render(status, accept).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Robots-Tag"] == "noindex"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert ("Access-Control-Allow-Origin" in headers) == (accept == JSON)


def test_an_open_invoice_is_shown_in_all_its_forms() -> None:
    page = render(OPEN)
    text = text_of(page)
    assert (page.status, type_of(page)) == (HTTPStatus.OK, "text/html; charset=utf-8")
    assert f'href="lightning:{BOLT11}"' in text
    assert f">{BOLT11}</code>" in text
    assert "<strong>250,000 sat</strong>" in text
    assert "<code>/250k</code>" in text
    assert ">about 12 minutes</span>" in text
    assert 'data-seconds="712"' in text


def test_the_qr_code_can_be_read() -> None:
    svg = re.search(r"<svg.*?</svg>", text_of(render(OPEN)), re.DOTALL)
    assert svg is not None
    assert read_qr(svg[0]) == f"LIGHTNING:{BOLT11.upper()}"


def test_a_paid_invoice_is_not_shown_again() -> None:
    for status in (PAID, PUBLISHED):
        for accept in (HTML, JSON):
            assert BOLT11 not in text_of(render(status, accept))
        assert "lightning:" not in text_of(render(status))
        assert "<svg" not in text_of(render(status))


def test_a_note_has_no_id_before_it_is_published() -> None:
    for status in (replace(OPEN, note_id=NOTE_ID), PAID):
        for accept in (HTML, JSON):
            text = text_of(render(status, accept))
            assert NOTE_ID not in text
            assert "nevent1" not in text


def test_a_published_note_is_linked_with_the_relay_to_find_it_on() -> None:
    (link,) = re.findall(r'href="nostr:(nevent1[0-9a-z]+)"', text_of(render(PUBLISHED)))
    event = Nip19Event.from_bech32(link)
    assert event.event_id().to_hex() == NOTE_ID
    assert [str(relay) for relay in event.relays()] == [RELAY_URL]


def test_json_has_the_members_and_the_status_of_each_state() -> None:
    common = {"tier": "/250k", "amount_msat": 250_000_000}
    expected = {
        OPEN: (402, {"state": "open", **common, "bolt11": BOLT11, "expires_at": NOW + 712}),
        PAID: (202, {"state": "paid", **common}),
        PUBLISHED: (200, {"state": "published", **common, "note": NOTE_ID}),
    }
    for status, (code, members) in expected.items():
        page = render(status, JSON)
        assert (page.status.value, type_of(page)) == (code, "application/json")
        assert json.loads(page.body) == members


@pytest.mark.parametrize("accept", [HTML, JSON])
def test_an_expired_invoice_is_answered_as_an_unknown_token_is(accept: str) -> None:
    unknown = render(None, accept)
    assert unknown.status is HTTPStatus.NOT_FOUND
    for expires_at in (NOW, NOW - 1, 0):
        assert render(replace(OPEN, expires_at=expires_at), accept) == unknown
    assert PAGES.render_pay_page(None, accept, NOW + 1000, ENGLISH) == unknown
    # What was paid is not unknown, however long ago the invoice would have expired.
    assert render(replace(PAID, expires_at=NOW - 1), accept).status is not HTTPStatus.NOT_FOUND


@pytest.mark.parametrize(
    ("accept", "type_"),
    [
        ("application/json", JSON),
        ("Application/JSON; q=0.9", JSON),
        ("text/html;q=0.5, application/json;q=0.9", JSON),
        ("text/html;q=0.9, application/json;q=0.8", "text/html"),
        ("application/json;q=0.8, text/html", "text/html"),
        ("application/json;q=0", "text/html"),
        ("application/json;q=0, */*", "text/html"),
        ("application/*", JSON),
        ("text/plain,\tapplication/json , */*", JSON),
        ("application/json, text/html", JSON),
        ("text/html, application/json", "text/html"),
        ("application/jsonp", "text/html"),
        ("*/*", "text/html"),
        ("", "text/html"),
    ],
)
def test_the_accept_header_chooses_the_form(accept: str, type_: str) -> None:
    assert type_of(render(OPEN, accept)).partition(";")[0] == type_


def test_a_hostile_name_or_path_stays_text() -> None:
    hostile = "</title><script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}"
    renderer = Renderer("en", hostile)
    shown = [render(replace(status, tier=hostile), renderer=renderer) for status in STATES]
    shown += [render(None, renderer=renderer), render_prices([TierLine(hostile, 1, 0, 1, 1)], RELAY_URL, 0, renderer)]
    for page in shown:
        text = text_of(page)
        assert "<img" not in text
        assert "alert(1)</script>" not in text
        assert "&lt;img src=x onerror=alert(1)&gt;{{ 7*7 }}" in text


def test_an_invoice_in_an_attribute_stays_there() -> None:
    text = text_of(render(replace(OPEN, bolt11='lnbc1"><b>')))
    assert "<b>" not in text


@pytest.mark.parametrize(
    ("publish_every_s", "words"), [(900, "15 minutes"), (60, "60 seconds"), (1, "1 second"), (90.5, "2 minutes")]
)
def test_notes_published_in_batches_are_announced_so(publish_every_s: float, words: str) -> None:
    pages = PayPages(RELAY_URL, publish_every_s)
    for page in (render(OPEN, pages=pages), render(PAID, pages=pages), show_prices(wait_s=publish_every_s)):
        assert f"together with others, within {words}" in text_of(page)
    for page in (render(OPEN), render(PAID), show_prices()):
        assert "with others" not in text_of(page)


@pytest.mark.parametrize(
    ("amount_msat", "words"), [(1000, "1 sat"), (21_500, "21.5 sat"), (1, "0.001 sat"), (10**11, "100,000,000 sat")]
)
def test_amounts_are_shown_in_sats(amount_msat: int, words: str) -> None:
    assert f"<strong>{words}</strong>" in text_of(render(replace(OPEN, amount_msat=amount_msat)))


def test_each_tier_is_listed_with_what_it_costs_and_covers() -> None:
    page = show_prices(url=RELAY_URL + "/")
    rows = re.findall(r"<dt><code>(.*?)</code></dt>\s<dd><strong>(.*?)</strong>(.*?)</dd>", text_of(page))
    assert page.status is HTTPStatus.OK
    assert rows == [
        (
            "wss://relay.example/",
            "16 bits of proof of work",
            " for a note of at most 32 KiB, with at most 256 keys in its ring",
        ),
        ("wss://relay.example/10k", "10,000 sat", " for a note of at most 64 KiB, with at most 1,024 keys in its ring"),
        (
            "wss://relay.example/odd",
            "21 sat and 2 bits of proof of work",
            " for a note of at most 1 KiB, with at most 7 keys in its ring",
        ),
    ]


def test_pages_without_a_script_ask_again_until_there_is_nothing_to_wait_for() -> None:
    for status, asks in ((OPEN, True), (PAID, True), (PUBLISHED, False), (None, False)):
        head = text_of(render(status)).partition("</head>")[0]
        assert bool(re.search(r'<noscript><meta http-equiv="refresh" content="\d+"></noscript>', head)) == asks


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(scheme: str) -> None:
    style = (Path(pay_page.__file__).parent / "static" / "page.css").read_text()
    light, _, dark = style.partition("prefers-color-scheme: dark")
    found = re.findall(r"--([\w-]+): #([0-9a-f]{6});", light if scheme == "light" else dark)
    colors = {name: measure_luminance(bytes.fromhex(value)) for name, value in found}
    grounds = {"ink": ("paper", "card"), "quiet": ("paper", "card"), "accent": ("card",), "on-accent": ("accent",)}
    for color, against in grounds.items():
        for ground in against:
            lighter, darker = sorted((colors[color], colors[ground]), reverse=True)
            # WCAG 2.2, 1.4.3: level AA.
            assert (lighter + 0.05) / (darker + 0.05) >= 4.5, (color, ground)


def measure_luminance(color: bytes) -> float:
    """Return the relative luminance that WCAG 2.2 defines."""
    channels = (value / 255 for value in color)
    red, green, blue = (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_code_is_drawn_once_however_often_its_page_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = PayPages(RELAY_URL, 0)
    first = render(OPEN, pages=pages)
    # The library that draws: at 10 ms a page, whoever has an address could keep everybody waiting.
    monkeypatch.delattr(segno, "make_qr")
    assert render(OPEN, pages=pages) == first


def test_a_relay_that_sells_nothing_speaks_of_no_payment() -> None:
    page = show_prices([TierLine("/", 0, 16, 1_024, 256)]).body.decode()
    main = page[page.index("<main") :]
    assert "There are no accounts." in main
    assert "16 bits of proof of work" in main
    for word in ("invoice", "wallet", "Pay ", "paid"):
        assert word not in main
