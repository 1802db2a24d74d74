"""A secret key that is pasted where a note belongs is recognised; a note is not taken for one."""

import json

import pytest

from relay.policy.pasted_keys import holds_secret_key
from relay.protocol.event import encode_event
from relay.protocol.nip19 import encode_ncryptsec, encode_npub, encode_nsec
from tests.support.events import KEYS, make_event, make_ring_note

NSEC = encode_nsec(KEYS[0].secret)
NCRYPTSEC = encode_ncryptsec(bytes(91))
HEX = KEYS[0].secret.hex()


@pytest.mark.parametrize(
    "text",
    [
        NSEC,
        NSEC.upper(),
        f"  {NSEC}\r\n",
        f"nostr:{NSEC}",
        f"my key: {NSEC}",
        NSEC[:-1],
        f"{NSEC[:20]}q{NSEC[21:]}",
        NCRYPTSEC,
        NCRYPTSEC[:100],
        HEX,
        HEX.upper(),
        f" 0x{HEX}\n",
        f'"{HEX}"',
        json.dumps({"nsec": NSEC}),
        json.dumps(["EVENT", {"content": NSEC}]),
        json.dumps({"key": NCRYPTSEC}),
    ],
)
def test_a_secret_key_is_recognised_as_people_paste_it(text: str) -> None:
    assert holds_secret_key(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        encode_npub(bytes(32)),
        encode_event(make_ring_note()).decode(),
        f'["EVENT",{encode_event(make_event(content="an nsec1 begins like nsec1qqqqqqqqqqqq")).decode()}]',
        HEX + HEX,
        HEX[:-1],
        f"{HEX}\n{HEX}",
    ],
)
def test_a_note_and_what_holds_no_key_is_not_taken_for_one(text: str) -> None:
    assert not holds_secret_key(text)


def test_a_text_full_of_what_looks_like_keys_costs_little() -> None:
    assert not holds_secret_key("{" + ("nsec1" + "q" * 58 + " ") * 4_000)
