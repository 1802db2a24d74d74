"""The author's commands on a terminal: a passphrase is asked for unseen, and words that the history keeps are warned about."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from relay.client.signing import keys
from relay.client.signing.encrypted_key import encrypt_key
from relay.client.signing.verify_event import verify_note
from relay.protocol import nip19
from relay.protocol.event import Event, decode_event
from tests.support.command import ENVIRONMENT, run
from tests.support.terminal import run_on_terminal

SECRETS = [number.to_bytes(32, "big") for number in range(3001, 3013)]
PASSPHRASE = "größe ☃ horse"
# Little work opens it.
ENCRYPTED = encrypt_key(SECRETS[0], PASSPHRASE, log_n=4)
# A prompt for words is answered with none: so a program that asks for them ends, too.
TYPES_NOTHING = (("on a line of its own.", "\x04"),)
ASKED = "The passphrase of your secret key: "


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    path = tmp_path / "ring.txt"
    npubs = [nip19.encode_npub(keys.to_public_key(secret)) for secret in SECRETS]
    path.write_text("\n".join(npubs) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Give the file of a key under the passphrase."""
    path = tmp_path / "me.key"
    path.touch(mode=0o600)
    path.write_text(ENCRYPTED + "\n", encoding="utf-8")
    return path


def sign(ring: Path, key: Path) -> list[str]:
    return ["sign", "--quiet", "--pow", "0", "--ring", str(ring), "--key-file", str(key)]


def read_note(out: str) -> Event:
    note = decode_event(out.encode())
    verify_note(note)
    return note


async def test_a_passphrase_is_asked_for_on_the_terminal_and_not_shown(ring: Path, key: Path) -> None:
    shown = await run_on_terminal(*sign(ring, key), typed=((ASKED, f"{PASSPHRASE}\n"),), stdin="hello\n")
    assert read_note(shown.out).content == "hello"
    assert shown.screen == f"{ASKED}\n"


async def test_it_is_asked_for_before_the_words_are_typed(ring: Path, key: Path) -> None:
    typed = ((ASKED, f"{PASSPHRASE}\n"), ("on a line of its own.", "hello\n\x04"))
    shown = await run_on_terminal(*sign(ring, key), typed=typed)
    assert read_note(shown.out).content == "hello"
    assert PASSPHRASE not in shown.screen


@pytest.mark.parametrize(
    "tag",
    [f"p={keys.to_public_key(SECRETS[0]).hex()}", f"x={nip19.encode_nsec(SECRETS[0])}"],
    ids=["the signer's key", "a secret key"],
)
async def test_a_tag_that_cannot_be_published_is_refused_before_the_words_are_typed(
    ring: Path, key: Path, tag: str
) -> None:
    shown = await run_on_terminal(*sign(ring, key), "--tag", tag, RINGRELAY_PASSPHRASE=PASSPHRASE, typed=TYPES_NOTHING)
    assert (shown.status, shown.out) == (2, "")
    assert shown.screen.startswith("ringrelay sign: the ")


async def test_it_is_asked_for_where_only_the_terminal_itself_is_left(ring: Path, key: Path) -> None:
    shown = await run_on_terminal(*sign(ring, key), typed=((ASKED, f"{PASSPHRASE}\n"),), stdin="hello", has_pipes=True)
    assert read_note(shown.out).content == "hello"


async def test_a_wrong_passphrase_has_words_of_its_own(ring: Path, key: Path) -> None:
    shown = await run_on_terminal(*sign(ring, key), typed=((ASKED, "horse\n"),), stdin="hello")
    assert (shown.status, shown.out) == (2, "")
    assert f"ringrelay sign: {key}: the passphrase is not the one of this ncryptsec" in shown.screen
    assert "horse" not in shown.screen


async def test_nobody_who_is_asked_and_ends_the_program_leaves_a_note(ring: Path, key: Path) -> None:
    assert (await run_on_terminal(*sign(ring, key), typed=((ASKED, "\x03"),), stdin="hello")).status == 130
    shown = await run_on_terminal(*sign(ring, key), typed=((ASKED, "\x04"),), stdin="hello")
    assert (shown.status, shown.out) == (2, "")


async def test_a_script_without_a_terminal_is_told_of_the_variable(ring: Path, key: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "relay", *sign(ring, key)),
        env=ENVIRONMENT,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,
    )
    out, err = await process.communicate(PASSPHRASE.encode())
    assert (process.returncode, out) == (2, b"")
    assert f"no terminal to ask for the passphrase on: set {keys.PASSPHRASE_VARIABLE}" in err.decode()


async def test_a_script_gives_it_in_the_environment(ring: Path, key: Path) -> None:
    done = await run(*sign(ring, key), stdin="hello", RINGRELAY_PASSPHRASE=PASSPHRASE)
    assert read_note(done.out).content == "hello"
    assert done.err == ""


async def test_keygen_encrypts_under_a_passphrase_typed_twice(tmp_path: Path) -> None:
    typed = (("A passphrase for the new key: ", "one\n"), ("The same once more: ", "one\n"))
    shown = await run_on_terminal("keygen", "--encrypt", "--out", str(tmp_path / "new.key"), typed=typed)
    secret = keys.read_secret_file(tmp_path / "new.key", {keys.PASSPHRASE_VARIABLE: "one"})
    assert shown.out == nip19.encode_npub(keys.to_public_key(secret)) + "\n"
    assert "one\n" not in shown.screen
    assert (tmp_path / "new.key").stat().st_mode & 0o777 == 0o600


async def test_keygen_writes_nothing_for_two_passphrases_or_an_empty_one(tmp_path: Path) -> None:
    typed = (("A passphrase for the new key: ", "one\n"), ("The same once more: ", "other\n"))
    shown = await run_on_terminal("keygen", "--encrypt", "--out", str(tmp_path / "new.key"), typed=typed)
    assert shown.status == 2
    assert "these are two passphrases" in shown.screen
    shown = await run_on_terminal(
        "keygen", "--encrypt", "--out", str(tmp_path / "new.key"), typed=((typed[0][0], "\n"),)
    )
    assert shown.status == 2
    assert "the passphrase is empty" in shown.screen
    assert not (tmp_path / "new.key").exists()


async def test_keygen_takes_a_scripts_passphrase(tmp_path: Path) -> None:
    done = await run("keygen", "--encrypt", RINGRELAY_PASSPHRASE="one")
    environment = {keys.SECRET_VARIABLE: done.out, keys.PASSPHRASE_VARIABLE: "one"}
    assert done.err == nip19.encode_npub(keys.to_public_key(keys.load_secret(None, environment))) + "\n"


@pytest.mark.parametrize("option", ["--force", "--quiet"])
async def test_an_encrypted_key_is_never_published(ring: Path, key: Path, option: str) -> None:
    done = await run(*sign(ring, key), option, stdin=f"mine: {ENCRYPTED}", RINGRELAY_PASSPHRASE=PASSPHRASE)
    assert (done.status, done.out) == (2, "")
    assert "would publish an encrypted secret key" in done.err


async def test_words_typed_as_an_argument_are_warned_about_on_a_terminal(ring: Path, key: Path) -> None:
    options = [*sign(ring, key), "--message", "hello"]
    shown = await run_on_terminal(*options, RINGRELAY_PASSPHRASE=PASSPHRASE)
    assert read_note(shown.out).content == "hello"
    assert shown.screen.startswith(
        "warning: --message: your shell's history keeps these words now, and others on this machine "
    )
    assert "leave --message out" in shown.screen


async def test_a_script_with_an_argument_is_not_warned(ring: Path, key: Path) -> None:
    options = [*sign(ring, key), "--message", "hello"]
    assert (await run(*options, RINGRELAY_PASSPHRASE=PASSPHRASE)).err == ""
    piped = await run_on_terminal(*options, stdin="", RINGRELAY_PASSPHRASE=PASSPHRASE)
    assert piped.screen == ""
    quiet = await run_on_terminal(*options, has_pipes=True, RINGRELAY_PASSPHRASE=PASSPHRASE)
    assert quiet.screen == ""
