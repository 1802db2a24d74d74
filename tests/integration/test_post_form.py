"""Posting by a form: the same checks, limits and answers as for an EVENT, and nothing that the sender wrote is lost."""

import asyncio
import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from relay.log import Log
from relay.protocol.nip19 import encode_nsec
from relay.server import running
from tests.integration.test_http import forbid_connections
from tests.support.client import Client, as_json
from tests.support.events import KEYS, make_event, make_ring_note, make_unlucky
from tests.support.forms import encode_post, post_note
from tests.support.paid import shop
from tests.support.raw import exchange, get, parse_answer, port_of, request
from tests.support.relays import make_config, relay_on

NETWORK = {"X-Forwarded-For": "203.0.113.7"}
OTHER_NETWORK = {"X-Forwarded-For": "198.51.100.7"}
BEHIND_PROXY: dict[str, Any] = {"trusted_proxies": ["127.0.0.1/32"]}


def text_of(event: Any, indent: int | None = None) -> str:
    return json.dumps(as_json(event), indent=indent)


def read_field(page: str) -> str:
    """Return what stands in the page's field."""
    found = re.search(r"<textarea[^>]*>\n?(.*?)</textarea>", page, re.DOTALL)
    assert found
    return html.unescape(found[1])


def read_reason(page: str) -> str:
    """Return the reason that the page gives, in the words of an OK."""
    found = re.search(r'<p><code lang="en">(.*?)</code></p>', page)
    assert found, page
    return html.unescape(found[1])


async def test_the_page_has_a_form_for_every_path_and_asks_for_no_key(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    async with shop(database18, tmp_path) as sold:
        status, headers, body = await get(port_of(sold.url), "/post?path=/1k")
        page = body.decode()
        assert (status, headers["cache-control"]) == (200, "no-store")
        assert re.findall(r'name="path" value="([^"]*)"( checked)?', page) == [
            ("/", ""),
            ("/1k", " checked"),
            ("/10k", ""),
        ]
        assert "1,000 sat" in page
        assert read_field(page) == ""
        assert "password" not in page
        # A path that is none, as in an old link.
        _, _, other = await get(port_of(sold.url), "/post?path=/none")
        assert re.findall(r'value="([^"]*)" checked', other.decode()) == ["/"]


@pytest.mark.parametrize("kind", ["event", "message", "padded", "printed"])
async def test_a_note_that_is_published_leads_to_its_page(database18: dict[str, Any], kind: str) -> None:
    note = make_ring_note("Größe €")
    texts = {
        "event": text_of(note),
        "message": json.dumps(["EVENT", as_json(note)]),
        "padded": f"\r\n\t {text_of(note)}{' ' * 60_000}\n",
        "printed": text_of(note, indent=2).replace("\n", "\r\n"),
    }
    async with relay_on(database18) as url, Client(url) as reader:
        status, headers, _ = await post_note(port_of(url), texts[kind])
        assert (status, headers["location"], headers["cache-control"]) == (303, f"/note/{note.id}", "no-store")
        assert await reader.fetch({}) == [as_json(note)]
        # The same again.
        status, headers, _ = await post_note(port_of(url), texts[kind])
        assert (status, headers["location"]) == (303, f"/note/{note.id}")


@pytest.mark.parametrize(
    "make",
    [
        lambda: make_event(),
        lambda: make_event(kind=14),
        lambda: {**as_json(make_ring_note()), "sig": "0" * 128},
        lambda: {**as_json(make_ring_note()), "id": "0" * 64},
        lambda: {**as_json(make_ring_note()), "kind": "1"},
        lambda: make_ring_note(ring_size=5, tags=(("expiration", "1"),)),
        lambda: make_ring_note("x" * 100_001),
    ],
    ids=["plain", "private", "signature", "id", "kind", "expired", "large"],
)
async def test_a_refusal_has_the_words_of_the_ok_and_the_note_is_still_in_the_field(
    database18: dict[str, Any], make: Any
) -> None:
    text = json.dumps(make() if isinstance(made := make(), dict) else as_json(made))
    async with relay_on(database18) as url, Client(url) as client:
        await client.send_raw(f'["EVENT",{text}]')
        _, accepted, reason = await client.next("OK")
        assert not accepted
        status, _, page = await post_note(port_of(url), text)
        assert (status, read_reason(page), read_field(page)) == (422, reason, text)


@pytest.mark.parametrize(
    "text", ["hello", "[]", '["REQ","x",{}]', "{", '["EVENT"]', '"x"', "[1]", '["EVENT",{},{}]', "{}"]
)
async def test_what_is_no_note_is_refused_with_what_to_paste(database18: dict[str, Any], text: str) -> None:
    async with relay_on(database18) as url:
        status, _, page = await post_note(port_of(url), text)
        assert (status, read_field(page)) == (422, text)
        assert read_reason(page).startswith("invalid: ")


async def test_a_text_without_a_note_is_told_what_to_paste(database18: dict[str, Any]) -> None:
    text = 'invalid: paste the whole signed note as JSON, or the message ["EVENT", ...] with it'
    async with relay_on(database18) as url:
        for pasted in ("hello", "[]", '["REQ","x",{}]', ""):
            assert read_reason((await post_note(port_of(url), pasted))[2]) == text


async def test_a_path_that_is_gone_is_said_to_be(database18: dict[str, Any]) -> None:
    text = text_of(make_ring_note())
    async with relay_on(database18) as url:
        status, _, page = await post_note(port_of(url), text, path="/gone")
        assert (status, read_reason(page), read_field(page)) == (
            422,
            "restricted: no notes are posted on this path any more; choose another one, and post again",
            text,
        )


async def test_the_characters_in_the_forms_of_a_network_are_bounded(database18: dict[str, Any]) -> None:
    limits = {"read_bytes_per_s": 16_384, "burst_factor": 1}
    async with relay_on(database18, server=BEHIND_PROXY, limits=limits) as url:
        assert (await post_note(port_of(url), " " * 16_000, headers=NETWORK))[0] == 422
        status, _, page = await post_note(port_of(url), " " * 16_384, headers=NETWORK)
        assert (status, read_reason(page)) == (
            429,
            "rate-limited: at most 16384 characters a second are read from a network; wait and try again",
        )
        assert (await post_note(port_of(url), " " * 16_000, headers=OTHER_NETWORK))[0] == 422


async def test_what_is_in_the_field_is_text_and_never_markup(database18: dict[str, Any]) -> None:
    text = "</textarea><script>alert(1)</script>&lt;\"'"
    async with relay_on(database18) as url:
        _, _, page = await post_note(port_of(url), text, path='/"><b>')
        assert "<script>alert" not in page
        assert "<b>" not in page
        assert read_field(page) == text


@pytest.mark.parametrize(
    "text",
    [encode_nsec(KEYS[0].secret), KEYS[0].secret.hex(), f'{{"sec": "{encode_nsec(KEYS[0].secret)}"}}'],
    ids=["nsec", "hex", "within"],
)
async def test_a_secret_key_is_refused_before_all_else_and_never_sent_back(
    database18: dict[str, Any], text: str
) -> None:
    async with relay_on(database18) as url:
        await forbid_connections(database18)
        status, headers, page = await post_note(port_of(url), text)
        assert (status, headers["cache-control"]) == (422, "no-store")
        assert "consider it lost" in page
        assert read_field(page) == ""
        assert KEYS[0].secret.hex() not in page
        assert encode_nsec(KEYS[0].secret) not in page


async def test_without_the_work_that_a_path_takes_the_note_is_refused(database18: dict[str, Any]) -> None:
    note = make_unlucky()
    async with relay_on(database18, tiers=[{"path": "/", "pow_bits": 8}]) as url:
        status, _, page = await post_note(port_of(url), text_of(note))
        assert (status, read_reason(page)) == (
            422,
            "pow: 8 bits of proof of work are needed for this note (NIP-13); mine a nonce",
        )


async def test_a_note_that_waits_is_told_when_it_is_published_and_not_whether_others_wait(
    database18: dict[str, Any],
) -> None:
    pages = []
    async with relay_on(database18, privacy={"publish_every_s": 900}) as url:
        for note in (make_ring_note("a"), make_ring_note("b")):
            status, headers, page = await post_note(port_of(url), text_of(note))
            assert status == 202
            assert "location" not in headers
            assert f'href="/note/{note.id}"' in page
            assert "within 15 minutes" in page
            pages.append(page.replace(note.id, "id"))
            # Sent again, it hears the same.
            assert (await post_note(port_of(url), text_of(note)))[2] == page
    assert pages[0] == pages[1]


async def test_a_priced_note_leads_to_its_pay_page_and_is_published_once_it_is_paid_for(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    note = make_ring_note()
    async with shop(database18, tmp_path) as sold, Client(sold.url) as reader:
        await reader.follow()
        status, headers, _ = await post_note(port_of(sold.url), text_of(note), "/1k")
        assert status == 303
        assert re.fullmatch(r"/pay/[0-9a-f]{32}", headers["location"])
        status, _, page = await get(port_of(sold.url), headers["location"])
        assert (status, "1,000 sat" in page.decode()) == (200, True)
        [made] = sold.node.made.values() if isinstance(sold.node.made, dict) else sold.node.made
        await sold.node.pay(made.bolt11)
        assert await reader.next("EVENT") == ["live", as_json(note)]
        # The form once more: nothing is asked, and the note is shown.
        status, headers, _ = await post_note(port_of(sold.url), text_of(note), "/1k")
        assert (status, headers["location"]) == (303, f"/note/{note.id}")


async def test_the_forms_of_a_network_have_as_many_open_invoices_as_one_connection(
    database18: dict[str, Any], tmp_path: Path
) -> None:
    async with shop(database18, tmp_path, server=BEHIND_PROXY, invoices={"max_open_per_connection": 2}) as sold:
        port = port_of(sold.url)
        for number in range(2):
            assert (await post_note(port, text_of(make_ring_note(f"{number}")), "/1k", NETWORK))[0] == 303
        status, _, page = await post_note(port, text_of(make_ring_note("2")), "/1k", NETWORK)
        assert (status, "at most 2 unpaid invoices" in page) == (429, True)
        assert (await post_note(port, text_of(make_ring_note("2")), "/1k", OTHER_NETWORK))[0] == 303


async def test_the_forms_of_a_network_share_rates_and_those_of_unknown_networks_nothing(
    database18: dict[str, Any],
) -> None:
    limits = {"events_per_s": 0.001, "burst_factor": 2_000}
    async with relay_on(database18, server=BEHIND_PROXY, limits=limits) as url:
        port = port_of(url)
        notes = [text_of(make_ring_note(f"{number}")) for number in range(4)]
        for note in notes[:2]:
            assert (await post_note(port, note, headers=NETWORK))[0] == 303
        status, _, page = await post_note(port, notes[2], headers=NETWORK)
        assert (status, read_reason(page)) == (
            429,
            "rate-limited: send at most 0.001 events a second; wait and try again",
        )
        assert (await post_note(port, notes[2], headers=OTHER_NETWORK))[0] == 303
    async with relay_on(database18, limits=limits) as url:
        for note in notes[:3]:
            assert (await post_note(port_of(url), note))[0] == 303


async def test_the_forms_of_a_network_have_as_many_notes_waiting_as_one_connection(database18: dict[str, Any]) -> None:
    privacy = {"publish_every_s": 900, "max_held_per_connection": 2, "max_held_per_network": 3}
    async with relay_on(database18, server=BEHIND_PROXY, privacy=privacy) as url:
        notes = [text_of(make_ring_note(f"{number}")) for number in range(5)]
        for note in notes[:2]:
            assert (await post_note(port_of(url), note, headers=NETWORK))[0] == 202
        assert (await post_note(port_of(url), notes[2], headers=NETWORK))[0] == 429
        # By WebSocket there is one more for this network.
        async with Client(url, additional_headers=NETWORK) as client:
            assert (await client.publish(json.loads(notes[2])))[0]
            assert not (await client.publish(json.loads(notes[3])))[0]


async def test_without_a_database_the_form_is_503_and_nothing_is_lost(database18: dict[str, Any]) -> None:
    text = text_of(make_ring_note())
    async with relay_on(database18) as url:
        await forbid_connections(database18)
        status, _, page = await post_note(port_of(url), text)
        assert (status, read_field(page)) == (503, text)
        assert read_reason(page).startswith("error: ")


# Bodies.


async def test_a_form_is_read_in_whatever_pieces_it_comes(database18: dict[str, Any]) -> None:
    note = make_ring_note()
    whole = encode_post(b"note=" + text_of(note).replace('"', "%22").replace(" ", "+").encode() + b"&path=/")
    async with relay_on(database18) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(url))
        for place in range(0, len(whole), 101):
            writer.write(whole[place : place + 101])
            await writer.drain()
            await asyncio.sleep(0)
        assert (await reader.read()).startswith(b"HTTP/1.1 303 ")
        writer.close()


async def test_a_form_may_come_in_chunks_and_wait_for_a_word(database18: dict[str, Any]) -> None:
    chunked = {"Content-Length": "", "Transfer-Encoding": "chunked"}
    async with relay_on(database18) as url:
        data = encode_post(b"", chunked) + b"5\r\nnote=\r\n3\r\n%7B\r\n0\r\n\r\n"
        assert parse_answer(await exchange(port_of(url), data))[0] == 422
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(url))
        writer.write(encode_post(b"", {"Content-Length": "8", "Expect": "100-continue"}))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"note=%7B")
        assert (await reader.read()).startswith(b"HTTP/1.1 422 ")
        writer.close()


async def test_a_form_that_is_too_large_is_413_however_it_comes(database18: dict[str, Any]) -> None:
    limits = {"max_message_bytes": 1_024}
    most = 3 * 1_024 + 4_096
    async with relay_on(database18, limits=limits) as url:
        port = port_of(url)
        status, _, text = parse_answer(await exchange(port, encode_post(b"note=" + b"x" * most)))
        assert (status, f"at most {most} bytes" in text.decode()) == (413, True)
        chunks = b"".join(b"400\r\n" + b"x" * 1_024 + b"\r\n" for _ in range(20))
        data = encode_post(b"", {"Content-Length": "", "Transfer-Encoding": "chunked"}) + chunks
        assert parse_answer(await exchange(port, data))[0] == 413
        # It fits as a form, and is no message that fits.
        status, _, page = await post_note(port, "{" + " " * 1_024)
        assert (status, read_reason(page)) == (
            422,
            "invalid: a message has at most 1024 bytes; shorten the note, or what pads it",
        )


@pytest.mark.parametrize(
    "headers",
    [{"Content-Length": "100"}, {"Content-Length": "", "Transfer-Encoding": "chunked"}],
    ids=["length", "chunks"],
)
async def test_a_form_that_does_not_come_whole_is_ended_after_a_time(
    database18: dict[str, Any], headers: dict[str, str]
) -> None:
    async with relay_on(database18, limits={"request_timeout_s": 0.3}) as url:
        status, _, body = parse_answer(await exchange(port_of(url), encode_post(b"5\r\nnote=", headers)))
        assert (status, body.decode().rstrip()) == (
            408,
            "the form took too long to come; send it again, or the note by WebSocket",
        )


@pytest.mark.parametrize(
    "rest", [b"zz\r\nnote=\r\n0\r\n\r\n", b"5\r\nnote=\r\n-1\r\n\r\n", b"5\r\nnote={}{}\r\n0\r\n\r\n"]
)
async def test_chunks_that_are_none_are_400_and_no_fault_of_the_relay(database18: dict[str, Any], rest: bytes) -> None:
    async with running(make_config(database18), Log()) as relay:
        data = encode_post(b"", {"Content-Length": "", "Transfer-Encoding": "chunked"}) + rest
        assert parse_answer(await exchange(relay.port, data))[0] == 400
        # A client that goes in the middle of its form.
        for headers in ({"Content-Length": "100"}, {"Content-Length": "", "Transfer-Encoding": "chunked"}):
            _, writer = await asyncio.open_connection("127.0.0.1", relay.port)
            writer.write(encode_post(b"5\r\nnote=", headers))
            await writer.drain()
            writer.transport.abort()
        assert parse_answer(await exchange(relay.port, encode_post(b"note=x")))[0] == 422
        assert "ringrelay_internal_errors_total 0.0" in relay.metrics.render().decode()


async def test_only_the_page_for_posting_takes_forms(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url:
        for path in ("/", "/prices", "/post/x", "/nowhere"):
            status, headers, _ = parse_answer(await exchange(port_of(url), encode_post(b"note=x", path=path)))
            assert (status, headers["allow"]) == (405, "GET, HEAD, OPTIONS")
        status, headers, body = parse_answer(await exchange(port_of(url), b"PUT /post HTTP/1.1\r\nHost: x\r\n\r\n"))
        assert (status, headers["allow"], body) == (
            405,
            "GET, HEAD, OPTIONS, POST",
            b"use GET, HEAD, OPTIONS or POST\n",
        )
        status, headers, _ = await request(port_of(url), "OPTIONS /post HTTP/1.1\nHost: x")
        assert (status, headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")


async def test_answers_to_forms_have_no_date_and_no_program(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url:
        for data in (
            encode_post(b"note=x"),
            encode_post(b"x", {"Content-Type": "text/plain"}),
            encode_post(b"note=%ff"),
        ):
            _, headers, _ = parse_answer(await exchange(port_of(url), data))
            assert not {"date", "server", "etag", "set-cookie"} & headers.keys()
            assert headers["connection"] == "close"
