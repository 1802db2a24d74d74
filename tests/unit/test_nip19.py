"""What is written for people (NIP-19), against nostr-sdk, and where it refuses."""

import pytest
from nostr_sdk import Nip19Event

from relay.protocol.nip19 import encode_nevent

NOTE_ID = bytes(range(32))


@pytest.mark.parametrize("relay_url", ["wss://relay.example", "ws://127.0.0.1:7447", "wss://" + "r" * 241 + ".example"])
def test_an_nevent_names_the_note_and_the_relay(relay_url: str) -> None:
    event = Nip19Event.from_bech32(encode_nevent(NOTE_ID, relay_url))
    assert event.event_id().to_hex() == NOTE_ID.hex()
    assert [str(relay) for relay in event.relays()] == [relay_url]
    assert event.author() is None
    assert event.kind() is None


def test_a_url_that_no_nevent_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        encode_nevent(NOTE_ID, "wss://" + "r" * 242 + ".example")
    with pytest.raises(ValueError, match="ascii"):
        encode_nevent(NOTE_ID, "wss://r\u00e9lay.example")
