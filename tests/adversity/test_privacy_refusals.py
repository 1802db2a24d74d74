"""Every refusal is a constant: the same fault gets the same text from whoever commits it, and none repeats what was sent."""

import ast
import json
import re
import time
from collections.abc import AsyncIterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from bech32 import bech32_encode, convertbits
from websockets.exceptions import ConnectionClosed

from relay.event import Event
from tests.support.client import Client, to_json
from tests.support.events import KEYS, make_event, make_ring_note, pubkey_of, sign_again
from tests.support.raw import exchange, port_of
from tests.support.relays import relay_on

_RELAY = Path(__file__).resolve().parents[2] / "relay"
# Twice everything: another author, other texts, other ids, another time.
_VARIANTS = (0, 1)


def _canary(variant: int) -> str:
    return f"canary{'ab'[variant] * (3 + 4 * variant)}"


def _list_bad_frames(variant: int) -> dict[str, str | bytes | list[Any]]:
    word, key = _canary(variant), pubkey_of(KEYS[20 + variant])
    event = to_json(make_event(key=KEYS[20 + variant], content=word))
    frames: dict[str, str | bytes | list[Any]] = {
        "no JSON": word,
        "no array": json.dumps({word: 1}),
        "binary": word.encode(),
        "unknown verb": [word],
        "too deep": "[" * (3_000 + variant),
        "a sub id that is too long": ["REQ", word * 20, {}],
        "a sub id that is no text": ["REQ", {"word": word}, {}],
        "no sub id": ["CLOSE", [word]],
        "EVENT of two": ["EVENT", event, event],
        "AUTH of none": ["AUTH"],
        "AUTH": ["AUTH", event],
        "an event that is no object": ["EVENT", word],
        "an event that is a list": ["EVENT", [word, key]],
    }
    for member in ("id", "pubkey", "created_at", "kind", "tags", "content", "sig"):
        frames[f"a bad {member}"] = ["EVENT", {**event, member: {word: variant}}]
        frames[f"no {member}"] = ["EVENT", {name: value for name, value in event.items() if name != member}]
    for verb in ("REQ", "COUNT"):
        for name, value in _list_bad_filters(word, variant).items():
            frames[f"{verb} {name}"] = [verb, word, value]
        frames[f"{verb} without a filter"] = [verb, word]
        frames[f"{verb} of many filters"] = [verb, word, *[{"kinds": [variant]}] * (11 + variant)]
    return frames


def _list_bad_filters(word: str, variant: int) -> dict[str, Any]:
    return {
        "no object": word,
        "an unknown field": {word: word},
        "a field of two letters": {"#" + word: [word]},
        "search": {"search": word},
        "ids": {"ids": [word]},
        "authors": {"authors": [word.encode().hex()]},
        "kinds": {"kinds": [word]},
        "a large kind": {"kinds": [65_536 + variant]},
        "since": {"since": word},
        "until": {"until": -1 - variant},
        "limit": {"limit": word},
        "#e": {"#e": [word]},
        "#t": {"#t": [variant]},
        "many values": {"kinds": [*range(1_001 + variant)]},
    }


def _list_bad_events(variant: int) -> dict[str, Event]:
    """Return events that break one rule each, and are otherwise right."""
    word, key = _canary(variant), KEYS[20 + variant]
    now = int(time.time()) - variant

    def plain(**options: Any) -> Event:
        return make_event(**{"key": key, "kind": 0, "content": word, "created_at": now, **options})

    def ring(**options: Any) -> Event:
        return make_ring_note(word, **{"ring_size": 4 + variant, "signer": variant, "author": key, **options})

    secret = bech32_encode("nsec", convertbits(key.secret, 8, 5))
    bad_id = Event(**{**to_json(plain()), "id": word.encode().hex().ljust(64, "0")[:64]})
    bad_sig = Event(**{**to_json(plain()), "sig": f"{variant + 1:02x}" * 64})
    found = {
        "a wrong id": bad_id,
        "a wrong signature": bad_sig,
        "the future": plain(created_at=now + 10_000 * (variant + 1)),
        "the past": plain(created_at=now - 10_000_000 * (variant + 1)),
        "expired": plain(tags=(("expiration", str(now - 100 * (variant + 1))),)),
        "protected": plain(tags=(("-",), ("t", word))),
        "a secret key": plain(content=f"{word} {secret}"),
        "a secret key in a tag": plain(tags=(("t", word), ("x", secret))),
        "much content": plain(content=word * 2_000),
        "many tags": plain(tags=(("t", word),) * (101 + variant)),
        "no ring": plain(kind=1),
        "another form": plain(kind=1, tags=(("ring-members", word), ("ring-signature", word))),
        "two forms": plain(kind=1, tags=(("ring-members", word), ("ring", word))),
        "a small ring": ring(ring_size=3),
        "a ring of none": plain(kind=1, tags=(("ring", pubkey_of(KEYS[variant])), ("ringsig", word))),
        "a ring of words": plain(kind=1, tags=(("ring", word, word), ("ringsig", word))),
        "a ring out of order": plain(kind=1, tags=(("ring", *_list_descending(variant)), ("ringsig", word))),
        "no ringsig": plain(kind=1, tags=(("ring", *_list_descending(variant)[::-1]),)),
        "a ringsig of words": plain(kind=1, tags=(("ring", *_list_descending(variant)[::-1]), ("ringsig", word))),
        "the author in the ring": plain(
            kind=1, tags=(("ring", *sorted({*_list_descending(variant), pubkey_of(key)})), ("ringsig", word))
        ),
    }
    note, linkable = ring(), ring(scope=word)
    for name, replaced in {
        "R": ("R", word),
        "J": ("J", word),
        "scope": ("scope", word),
        "nonce": ("nonce", word),
        "a late tag": ("t", word),
    }.items():
        found[f"sag with {name}"] = sign_again(note, key, (*note.tags, replaced))
    for name in ("R", "J", "scope", "ringsig", "ring"):
        other = tuple((tag[0], word * 2, *tag[2:]) if tag[0] == name else tag for tag in linkable.tags)
        found[f"blsag with another {name}"] = sign_again(linkable, key, other)
    changed = Event(**{**to_json(note), "content": word * 2})
    found["a ring signature over another text"] = sign_again(changed, key, note.tags)
    return found


def _list_descending(variant: int) -> list[str]:
    return sorted((pubkey_of(member) for member in KEYS[: 4 + variant]), reverse=True)


@pytest.fixture
async def url(database18: dict[str, Any]) -> AsyncIterator[str]:
    limits = {"max_content_chars": 10_000, "max_tags": 100, "max_age_s": 900_000}
    rates = {"events_per_s": 1e6, "reqs_per_s": 1e6}
    async with relay_on(database18, limits={**limits, **rates}, ring={"min_size": 4}) as url:
        yield url


def _check_texts(first: dict[str, str], second: dict[str, str]) -> None:
    assert {name: (text, second[name]) for name, text in first.items() if second[name] != text} == {}
    for name, text in first.items():
        _check_constant(name, text)


def _check_constant(name: str, text: str) -> None:
    assert re.match(r"(duplicate|pow|blocked|rate-limited|invalid|restricted|error|unsupported): \S", text), (
        name,
        text,
    )
    assert "canary" not in text, name
    assert version("ringrelay") not in text, name
    # No key, id or time, no traceback and no library: longer numbers than any limit of ours, hex, dotted numbers, Names.
    assert not re.search(r"[0-9]{7}|[0-9a-f]{16}|\d\.\d+\.|Error|Exception|line \d|asyncpg|msgspec", text), (name, text)


async def test_a_frame_that_cannot_be_read_gets_a_constant_text(url: str) -> None:
    texts: list[dict[str, str]] = []
    for variant in _VARIANTS:
        async with Client(url) as client:
            texts.append({})
            for name, frame in _list_bad_frames(variant).items():
                await client.send_raw(json.dumps(frame) if isinstance(frame, list) else frame)
                texts[-1][name] = (await client.receive())[-1]
    _check_texts(*texts)


async def test_an_event_that_breaks_a_rule_gets_a_constant_text(url: str) -> None:
    texts: list[dict[str, str]] = []
    for variant in _VARIANTS:
        async with Client(url) as client:
            texts.append({})
            for name, event in _list_bad_events(variant).items():
                accepted, text = await client.publish(event)
                assert not accepted, name
                texts[-1][name] = text
    _check_texts(*texts)


async def test_what_is_stored_already_leads_to_constant_texts(url: str) -> None:
    texts: list[dict[str, str]] = []
    for variant in _VARIANTS:
        key, word, now = KEYS[20 + variant], _canary(variant), int(time.time()) - 50 - variant
        note = make_ring_note(word, ring_size=4, author=key, created_at=now)
        profile = make_event(key=key, kind=0, content=word, created_at=now)
        older = make_event(key=key, kind=0, content=word, created_at=now - 1 - variant)
        gone = make_event(key=key, kind=10_002, content=word, created_at=now)
        again = sign_again(note, key, (*note.tags, ("nonce", str(variant))))
        async with Client(url) as client:
            await client.publish_all(note, profile, gone)
            await client.publish_all(make_event(key=key, kind=5, tags=(("e", gone.id),), content=word, created_at=now))
            repeated = {"duplicate": note, "superseded": older, "deleted": gone, "signature used": again}
            texts.append({name: (await client.publish(event))[1] for name, event in repeated.items()})
    _check_texts(*texts)


async def test_limits_of_one_connection_lead_to_constant_texts(database18: dict[str, Any]) -> None:
    texts: list[dict[str, str]] = []
    limits = {
        "events_per_s": 1e-3,
        "reqs_per_s": 1e-3,
        "burst_factor": 3_000,
        "max_subscriptions": 2,
        "min_pow_bits": 60,
    }
    async with relay_on(database18, limits=limits) as url:
        for variant in _VARIANTS:
            word = _canary(variant)
            lucky = make_event(key=KEYS[variant], kind=0, content=word, tags=(("nonce", word, "1"),))
            async with Client(url) as client:
                found = {"pow": (await client.publish(lucky))[1]}
                for number in range(2):
                    await client.send("REQ", f"{word}{number}", {"limit": 0})
                    await client.next("EOSE")
                await client.send("REQ", word, {"authors": [pubkey_of(KEYS[variant])]})
                found["subscriptions"] = (await client.next("CLOSED"))[1]
                await client.send("REQ", word, {"#t": [word]})
                found["reqs"] = (await client.next("CLOSED"))[1]
                await client.send("COUNT", word, {"#t": [word]})
                found["counts"] = (await client.next("CLOSED"))[1]
                for _ in range(2):
                    await client.publish(lucky)
                found["events"] = (await client.publish(make_ring_note(word)))[1]
            texts.append(found)
    assert texts[0]["reqs"].startswith("rate-limited: ")
    assert texts[0]["events"].startswith("rate-limited: ")
    _check_texts(*texts)


def _list_bad_requests(variant: int) -> dict[str, str]:
    word = _canary(variant)
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n"
    key = "Sec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng==\r\n"
    requests = {
        "another path": f"GET /{word} HTTP/1.1\r\n",
        "another method": f"{word.upper()} / HTTP/1.1\r\nX: {word}\r\n",
        "an unknown version of HTTP": f"GET / HTTP/{variant + 3}.0\r\n{upgrade}",
        "no key": f"GET / HTTP/1.1\r\n{upgrade}Cookie: {word}\r\n",
        "a bad key": f"GET / HTTP/1.1\r\n{upgrade}Sec-WebSocket-Key: {word}\r\nSec-WebSocket-Version: 13\r\n",
        "a bad version": f"GET / HTTP/1.1\r\n{upgrade}{key}Sec-WebSocket-Version: {word}\r\n",
        "a bad Upgrade": f"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket, {word}\r\n",
        "a bad Connection": f"GET / HTTP/1.1\r\nConnection: {word}\r\nUpgrade: websocket\r\n",
        "a bad extension": f"GET / HTTP/1.1\r\n{upgrade}{key}Sec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: {word},,;\r\n",
        "no HTTP": f"{word}\r\n",
        "a bad header": f"GET / HTTP/1.1\r\n{word}\r\n",
    }
    return {name: f"{text}Host: {word}\r\n\r\n" for name, text in requests.items()}


@pytest.mark.parametrize("name", _list_bad_requests(0))
async def test_a_request_that_is_refused_gets_a_constant_answer(url: str, name: str) -> None:
    answers = [await exchange(port_of(url), _list_bad_requests(variant)[name].encode()) for variant in _VARIANTS]
    bodies = [answer.partition(b"\r\n\r\n")[2] for answer in answers]
    assert answers[0].partition(b"\r\n")[0] == answers[1].partition(b"\r\n")[0]
    assert bodies[0] == bodies[1]
    for answer in answers:
        assert answer.startswith(b"HTTP/1.1 4") or name in ("no HTTP", "a bad header", "an unknown version of HTTP")
        assert b"canary" not in answer.lower()
        assert not re.search(rb"(?i)websockets|python|ringrelay|traceback|exception", answer)


async def test_no_answer_names_its_software(url: str) -> None:
    host = "Host: x\r\n\r\n"
    requests = [*_list_bad_requests(0).values(), f"GET / HTTP/1.1\r\n{host}", f"OPTIONS / HTTP/1.1\r\n{host}"]
    requests += [f"HEAD / HTTP/1.1\r\n{host}", f"GET / HTTP/1.1\r\nAccept: application/nostr+json\r\n{host}"]
    heads = [(await exchange(port_of(url), request.encode())).partition(b"\r\n\r\n")[0].lower() for request in requests]
    async with Client(url) as client:
        assert client.websocket.response is not None
        heads.append(str(client.websocket.response.headers).lower().encode())
    assert [head for head in heads if re.search(rb"(?m)^(server|via|x-powered-by|etag|set-cookie):", head)] == []
    # Nothing that the relay answers itself tells its clock; the handshake's Date is the library's.
    assert [head for head in heads if b"content-security-policy" in head and b"\ndate:" in head] == []


@pytest.mark.parametrize(
    ("code", "frames"),
    [
        (1009, [b"\x81\xff" + (300_000).to_bytes(8, "big") + mask for mask in (b"0000", b"1111")]),
        (1007, [b"\x81" + bytes((0x80 | len(bad),)) + bytes(4) + bad for bad in (b"canary\xff", b"sister\xff")]),
        (1002, [b"\x83\x86" + bytes(4) + word for word in (b"canary", b"sister")]),
    ],
    ids=["too long", "not UTF-8", "no opcode"],
)
async def test_a_frame_that_ends_the_connection_gets_a_reason_that_repeats_nothing_of_it(
    url: str, code: int, frames: list[bytes]
) -> None:
    # The library's reasons name a frame's size and the place of a bad byte, and nothing else of it.
    reasons = set()
    for frame in frames:
        async with Client(url) as client:
            client.websocket.transport.write(frame)
            with pytest.raises(ConnectionClosed) as closed:
                await client.receive()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == code
            reasons.add(closed.value.rcvd.reason)
    assert len(reasons) == 1, reasons


def test_every_refusal_in_the_code_is_a_constant_or_names_a_limit() -> None:
    holes = set()
    for file in _RELAY.rglob("*.py"):
        if "client" in file.relative_to(_RELAY).parts:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            is_refusal = isinstance(node, ast.Call) and re.search(
                r"^(Rejected|Malformed|_refuse|refuse|messages\.encode_(ok|closed|notice))$", ast.unparse(node.func)
            )
            if is_refusal:
                filled = (part for part in ast.walk(node) if isinstance(part, ast.FormattedValue))
                holes |= {ast.unparse(part.value) for part in filled}
    assert {hole for hole in holes if not re.fullmatch(r"(self\._)?(limits|ring)\.[a-z_]+", hole)} == {
        "max_size",  # ring.max_size or ring.max_size_compat
        "_MAX_LINES",  # of a text with its ring signature
        "MAX_RING",  # what a ringA text can count
        "required_bits",  # limits.min_pow_bits, or what the ring costs
        "verb",  # EVENT or AUTH
        "name",  # ids, authors, since, until or limit
        "letter",  # of a tag filter, a-z
    }
