"""A report of a note in each browser: made there by a key that is thrown away, and stored by the relay."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from relay.protocol.nip19 import encode_nsec
from relay.verify.ring_equations import lift_x
from tests.support.browsers import PHONE, Browsers
from tests.support.client import Client
from tests.support.events import KEYS, make_ring_note, pubkey_of
from tests.support.relays import relay_on

pytestmark = pytest.mark.browser("starts Chromium and Firefox")

SECTIONS: dict[str, Any] = {
    "accept": {"plain_kinds": [0, 1984]},
    "tiers": [{"path": "/", "pow_bits": 12}],
    "info": {"contact": "mailto:op@relay.example"},
}


async def test_a_reader_reports_a_note_and_the_relay_stores_it(
    browsers: Browsers, browser_name: str, database18: dict[str, Any]
) -> None:
    note = make_ring_note("not so", author=KEYS[9], pow_bits=12)
    async with (
        relay_on(database18, **SECTIONS) as url,
        Client(url) as client,
        browsers.get(browser_name).page(PHONE) as page,
    ):
        await client.publish_all(note)
        found = []
        for words in ("It names a person «Ä».", ""):
            assert await page.open(f"{url.replace('ws', 'http', 1)}/note/{note.id}") == 200
            await page.click("#report summary")
            await page.evaluate("() => { document.getElementById('report-type').value = 'illegal' }")
            if words:
                await page.fill("#report-words", encode_nsec(KEYS[0].secret))
                await page.click("#report-form button")
                await page.wait_for_text("looks like a secret key", "#report-outcome")
                assert await client.fetch({"kinds": [1984]}) == []
                await page.fill("#report-words", words)
            await page.click("#report-form button")
            await page.wait_for_text("The report is sent.", "#report-outcome")
            [report] = [each for each in await client.fetch({"kinds": [1984]}) if each not in found]
            assert report["tags"][:2] == [["e", note.id, "illegal"], ["p", note.pubkey]]
            assert [tag[0] for tag in report["tags"][2:]] == ["nonce"]
            assert report["content"] == words
            found.append(report)
        # Each is signed by a key of its own, that is nobody's.
        keys = {report["pubkey"] for report in found}
        assert len(keys) == 2
        assert not keys & {pubkey_of(key) for key in KEYS}
        assert all(lift_x(bytes.fromhex(key)) for key in keys)
        assert await page.list_faults() == []
        assert {urlsplit(asked).netloc for asked in await page.list_requests()} == {urlsplit(url).netloc}


async def test_without_script_the_operator_is_named(
    browsers: Browsers, browser_name: str, database18: dict[str, Any]
) -> None:
    note = make_ring_note(pow_bits=12)
    async with (
        relay_on(database18, **SECTIONS) as url,
        Client(url) as client,
        browsers.get(browser_name, script=False).page(PHONE) as page,
    ):
        await client.publish_all(note)
        assert await page.open(f"{url.replace('ws', 'http', 1)}/note/{note.id}") == 200
        await page.click("#report summary")
        text = await page.find_text("#report")
        assert "switched off here" in text
        assert "mailto:op@relay.example" in text
        assert "Send the report" not in text
