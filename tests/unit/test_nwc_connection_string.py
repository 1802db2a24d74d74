"""How a connection string of NIP-47 is read, and that no fault of it is told with its secret."""

from typing import Any
from urllib.parse import quote

import pytest
from pydantic import SecretStr, ValidationError

from relay.pricing.lightning import check_files
from relay.pricing.lightning.nwc.connection_string import parse_connection_string
from relay.pricing.settings import LightningConfigError, LightningSection

# From NIP-47.
WALLET = "b889ff5b1513b641e2a139f661a661364979c5beee91842f8f0ef42ab558e9d4"
SECRET = "71a8c14c1407c113601079c4302dab36460f0ccd0ad506f1f2dc73b5100e4f3c"
EXAMPLE = f"nostr+walletconnect://{WALLET}?relay=wss%3A%2F%2Frelay.damus.io&secret={SECRET}"
ORDER = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"


def section(**values: Any) -> LightningSection:
    return LightningSection(**{"backend": "nwc", "secret": SecretStr(EXAMPLE), **values})


def with_relays(*relays: str) -> str:
    asked = "".join(f"relay={quote(relay, safe='')}&" for relay in relays)
    return f"nostr+walletconnect://{WALLET}?{asked}secret={SECRET}"


@pytest.mark.parametrize(
    "text",
    [
        EXAMPLE,
        EXAMPLE.replace("//", "", 1),
        EXAMPLE.replace(WALLET, WALLET.upper()),
        EXAMPLE.replace(SECRET, SECRET.upper()),
        f"{EXAMPLE}&lud16=me%40wallet.example",
        EXAMPLE.replace("%3A%2F%2F", "://"),
    ],
)
def test_example_of_the_nip_is_read(text: str) -> None:
    string = parse_connection_string(text, section())
    assert (string.wallet, string.relays) == (WALLET, ("wss://relay.damus.io",))
    assert len(string.key.pubkey) == 64
    assert SECRET not in repr(string).lower()


def test_relays_keep_their_order_and_are_named_once() -> None:
    relays = ("wss://b.example/v1", "ws://127.0.0.1:7447", "wss://a.example")
    assert parse_connection_string(with_relays(*relays, *relays), section()).relays == relays


@pytest.mark.parametrize(
    "relay", ["ws://127.0.0.1:7447", "ws://localhost", "ws://[::1]:80", f"ws://{'a' * 56}.onion", "wss://relay.example"]
)
def test_safe_relays_are_taken(relay: str) -> None:
    assert parse_connection_string(with_relays(relay), section()).relays == (relay,)


@pytest.mark.parametrize("relay", ["ws://relay.example", "ws://192.168.1.5:80", "ws://localhost.example"])
def test_relay_that_others_could_watch_needs_the_operators_word(relay: str) -> None:
    with pytest.raises(LightningConfigError, match="allow_plain_http = true"):
        parse_connection_string(with_relays("wss://a.example", relay), section())
    assert parse_connection_string(with_relays(relay), section(allow_plain_http=True)).relays == (relay,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SECRET, "does not begin with nostr"),
        (EXAMPLE.replace("nostr+walletconnect", "https"), "does not begin with nostr"),
        (EXAMPLE.replace("nostr+walletconnect://", "nostr+walletconnect://["), "cannot be read"),
        (with_relays(), "must name 1 to 8 relays"),
        (with_relays(*(f"wss://{number}.example" for number in range(9))), "must name 1 to 8 relays"),
        (EXAMPLE + "&x=1" * 40, "cannot be read"),
        (with_relays("https://relay.example"), "no URL such as wss"),
        (with_relays("wss://"), "no URL such as wss"),
        (with_relays("wss://relay.example:99999"), "no URL such as wss"),
        (with_relays("wss://relay.example/a b"), "no URL such as wss"),
        (with_relays("wss://relay.example\r\nX: 1"), "no URL such as wss"),
        (with_relays("wss://[::1"), "no URL such as wss"),
        (with_relays(f"wss://me:{SECRET}@relay.example"), "holds a password"),
        (with_relays("wss://relay.example#x"), "holds a password or a #"),
        (EXAMPLE.replace(WALLET, WALLET[2:]), "no public key"),
        (EXAMPLE.replace(WALLET, ""), "no public key"),
        (EXAMPLE.replace(WALLET, "g" * 64), "no public key"),
        (EXAMPLE.replace(WALLET, "ff" * 32), "a public key that is none"),
        (EXAMPLE.replace(SECRET, SECRET[2:]), "no secret of 64"),
        (EXAMPLE.replace(SECRET, "x" * 64), "no secret of 64"),
        (EXAMPLE.replace(f"&secret={SECRET}", ""), "no secret of 64"),
        (f"{EXAMPLE}&secret={SECRET}", "no secret of 64"),
        (EXAMPLE.replace(SECRET, "0" * 64), "no secret key"),
        (EXAMPLE.replace(SECRET, ORDER), "no secret key"),
    ],
)
def test_faulty_string_is_refused_without_being_repeated(text: str, said: str) -> None:
    with pytest.raises(LightningConfigError, match=said) as caught:
        parse_connection_string(text, section())
    assert SECRET not in str(caught.value)
    assert WALLET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


def test_certificate_is_refused_where_nothing_is_encrypted(tmp_path: Any) -> None:
    with pytest.raises(LightningConfigError, match="certificate_file is of no use"):
        parse_connection_string(with_relays("ws://127.0.0.1:7447"), section(certificate_file=tmp_path / "ca.pem"))


def test_url_is_refused_beside_a_connection_string() -> None:
    with pytest.raises(ValidationError, match="url must not be set for nwc") as caught:
        section(url="https://relay.example")
    assert SECRET not in str(caught.value)


def test_a_string_is_checked_with_the_configuration_and_nothing_is_called() -> None:
    check_files(section())
    with pytest.raises(LightningConfigError, match="copy it whole from the wallet"):
        check_files(section(secret=SecretStr("lnbits-key")))
