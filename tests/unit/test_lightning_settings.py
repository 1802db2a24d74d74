"""The configuration of the Lightning node, and how its secret is read."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from relay.pricing.settings import LightningConfigError, LightningSection, read_secret

CANARY = "c0ffee5ec7e7" * 4
MACAROON = bytes.fromhex("0201036c6e6402") + bytes(range(200, 256))


def make(**values: Any) -> LightningSection:
    return LightningSection(**{"backend": "lnbits", "url": "https://node.example", "secret": CANARY, **values})


def test_without_a_backend_nothing_is_needed() -> None:
    assert LightningSection().backend == "none"


@pytest.mark.parametrize(
    "url",
    [
        "https://node.example",
        "https://node.example:8080/lightning",
        "http://127.0.0.1:9740",
        "http://localhost:5000",
        "http://[::1]:5000",
        "http://127.8.8.8:5000",
        "http://abcdefghijklmnop.onion",
    ],
)
def test_safe_urls_are_taken(url: str) -> None:
    assert make(url=url).url == url
    assert make(url=f"{url}/").url == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "url must say where lnbits answers"),
        ("node.example", "must be a URL such as"),
        ("ftp://node.example", "must be a URL such as"),
        ("https://", "must be a URL such as"),
        ("https://node.example:99999", "must be a URL such as"),
        ("https://[::1", "must be a URL such as"),
        ("https://node.example/a b", "must be a URL such as"),
        ("https://node.example\n", "must be a URL such as"),
        (f"https://:{CANARY}@node.example", "must not hold a password"),
        (f"https://{CANARY}@node.example", "must not hold a password"),
        (f"https://node.example?api-key={CANARY}", "must end before any [?] or #"),
        ("http://node.example", "allow_plain_http = true"),
        ("http://192.168.1.5:8080", "allow_plain_http = true"),
        ("http://localhost.example", "allow_plain_http = true"),
        ("http://127.0.0.1.example", "allow_plain_http = true"),
        ("http://notonion", "allow_plain_http = true"),
    ],
)
def test_other_urls_are_refused_without_being_repeated(url: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said) as caught:
        make(url=url)
    assert CANARY not in str(caught.value)


def test_operator_may_vouch_for_the_way_to_the_node() -> None:
    assert make(url="http://node:8080", allow_plain_http=True).url == "http://node:8080"


@pytest.mark.parametrize("values", [{"secret": None}, {"secret_file": "/run/secrets/node"}])
def test_one_secret_is_needed_and_no_second(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="set one of secret_file and RELAY_LIGHTNING__SECRET") as caught:
        make(**values)
    assert CANARY not in str(caught.value)


def test_certificate_is_refused_where_nothing_is_encrypted() -> None:
    with pytest.raises(ValidationError, match="certificate_file is of no use"):
        make(url="http://127.0.0.1:5000", certificate_file="tls.cert")


def test_section_shows_no_secret() -> None:
    section = make()
    assert CANARY not in f"{section!r}{section}{section.model_dump_json()}"


def test_secret_of_the_environment_is_stripped() -> None:
    assert read_secret(make(secret=f" {CANARY}\n")) == CANARY


def test_secret_file_is_stripped(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{CANARY}\n")
    assert read_secret(make(secret=None, secret_file=tmp_path / "key")) == CANARY


@pytest.mark.parametrize("content", [MACAROON, f"{MACAROON.hex().upper()}\n".encode()])
def test_macaroon_is_read_as_bytes_or_as_hex(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "invoice.macaroon").write_bytes(content)
    section = make(backend="lnd", secret=None, secret_file=tmp_path / "invoice.macaroon")
    assert read_secret(section) == MACAROON.hex()


def test_macaroon_in_the_environment_is_hex() -> None:
    assert read_secret(make(backend="lnd", secret=MACAROON.hex())) == MACAROON.hex()


@pytest.mark.parametrize(
    ("backend", "content", "said"),
    [
        ("lnbits", b"", "is empty"),
        ("lnd", b" \n", "is empty"),
        ("lnbits", f"{CANARY}\nsecond line".encode(), "must be one line"),
        ("clnrest", CANARY.encode() + b"\xff", "must be one line"),
        ("phoenixd", f"{CANARY}\0".encode(), "must be one line"),
        ("lnd", f"{CANARY}0".encode(), "is no macaroon"),
        ("lnd", f"AgEDbG5k{CANARY}==".encode(), "is no macaroon"),
        ("lnbits", CANARY.encode() * 2_000, "is too long"),
    ],
)
def test_unusable_secret_is_refused_without_being_repeated(
    backend: str, content: bytes, said: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(LightningConfigError, match=said) as caught:
        read_secret(make(backend=backend, secret=None, secret_file=tmp_path / "file"))
    assert str(tmp_path / "file") in str(caught.value)
    assert CANARY not in str(caught.value)


def test_missing_secret_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LightningConfigError, match="nowhere: cannot be read: No such file or directory"):
        read_secret(make(secret=None, secret_file=tmp_path / "nowhere"))


def test_unusable_secret_of_the_environment_is_named_by_its_variable() -> None:
    with pytest.raises(LightningConfigError, match=r"^RELAY_LIGHTNING__SECRET: must be one line") as caught:
        read_secret(make(secret=SecretStr(f"{CANARY}\r\nX-Injected: 1")))
    assert CANARY not in str(caught.value)
