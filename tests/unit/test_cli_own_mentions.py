"""`ringrelay sign` and `ringrelay publish --ring` as processes: a note that names its signer is neither printed nor sent."""

import socket
from pathlib import Path

import pytest

from relay.client.signing import keys
from relay.client.signing.verify_event import verify_note
from relay.protocol import nip19
from relay.protocol.event import Event, decode_event
from tests.support.command import Finished, run

SECRETS = [number.to_bytes(32, "big") for number in range(2001, 2013)]
KEYS = [keys.to_public_key(secret) for secret in SECRETS]
NAMES = ["Ann Smith", "bob@example.org", *[f"member {number}" for number in range(10)]]
NPUB = nip19.encode_npub(KEYS[0])


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    """Give the options of a ring of 12 with names, and of its first member's key."""
    ring, key = tmp_path / "ring.txt", tmp_path / "me.key"
    lines = [f"{nip19.encode_npub(key)}  # {name}\n" for key, name in zip(KEYS, NAMES, strict=True)]
    ring.write_text("".join(lines), encoding="utf-8")
    key.touch(mode=0o600)
    key.write_text(nip19.encode_nsec(SECRETS[0]), encoding="utf-8")
    return ["--ring", str(ring), "--key-file", str(key), "--pow", "0"]


async def refuse(options: list[str], message: str, *more: str) -> str:
    """Return why a note is refused. Nothing is printed, and the key is not repeated."""
    done = await run("sign", *options, *more, stdin=message)
    assert (done.status, done.out) == (2, "")
    assert NPUB[5:] not in done.err
    assert KEYS[0].hex() not in done.err
    return done.err


def read_note(done: Finished) -> Event:
    assert done.status == 0, done.err
    note = decode_event(done.out.encode())
    verify_note(note)
    return note


async def test_a_note_with_the_signers_own_key_is_refused_with_what_to_do(options: list[str]) -> None:
    said = await refuse(options, f"I am {NPUB}")
    assert said.startswith("ringrelay sign: the message holds your own key: a note that names one member of its ring ")
    assert "--force" in said
    assert "the tag r holds" in await refuse(options, "x", "--tag", f"r=https://njump.me/{NPUB}")
    assert "the tag p holds" in await refuse(options, "x", "--tag", f"p={KEYS[0].hex()}")
    assert "the scope holds" in await refuse(options, "x", "--scheme", "blsag", "--scope", f"02{KEYS[0].hex()}")


async def test_the_name_beside_the_key_in_the_ring_file_and_those_of_me_are_refused(options: list[str]) -> None:
    assert 'the message holds "Ann Smith", a name of yours' in await refuse(options, "ann smith knows")
    assert 'the message holds "the fox"' in await refuse(options, "The fox knows", "--me", "hen", "--me", "the fox")
    read_note(await run("sign", *options, "--me", "fox", stdin="foxes and Ann know, and bob@example.org"))


@pytest.mark.parametrize("name", ["", " ", NPUB])
async def test_what_is_no_name_is_refused_as_one(options: list[str], name: str) -> None:
    assert "--me takes a name" in await refuse(options, "x", "--me", name)


async def test_a_note_that_tags_every_member_alike_is_signed(options: list[str]) -> None:
    tags = [part for key in KEYS for part in ("--tag", f"p={key.hex()}")]
    note = read_note(await run("sign", *options, *tags, stdin="to all of us"))
    assert [tag[1] for tag in note.tags if tag[0] == "p"] == [key.hex() for key in KEYS]
    assert "the tag p holds" in await refuse(options, "to some of us", *tags[:-2])


@pytest.mark.parametrize("form", ["bound", "nip97", "nostringer", "text"])
async def test_the_ring_itself_names_nobody_in_any_form(options: list[str], form: str) -> None:
    done = await run("sign", *options, "--form", form, stdin="hello")
    read_note(done)
    assert "your own key" not in done.err
    assert "the message holds your own key" in await refuse(options, NPUB, "--form", form)


async def test_force_signs_what_names_the_signer_and_warns(options: list[str]) -> None:
    done = await run("sign", *options, "--force", stdin=f"I am {NPUB}")
    assert read_note(done).content == f"I am {NPUB}"
    assert done.err == "warning: the message holds your own key: --force signs it all the same\n"


@pytest.mark.parametrize("secret", [nip19.encode_nsec(SECRETS[0]), SECRETS[0].hex(), nip19.encode_nsec(b"7" * 32)])
async def test_force_never_publishes_a_secret_key(options: list[str], secret: str) -> None:
    said = await refuse(options, f"I am {NPUB} {secret}", "--force")
    assert "would publish a secret key" in said
    assert secret not in said


async def test_publish_refuses_before_it_connects_to_anybody(options: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}"
        done = await run("publish", url, *options, stdin=f"I am {NPUB}")
        assert (done.status, done.out) == (2, "")
        assert "ringrelay publish: the message holds your own key" in done.err
        with pytest.raises(BlockingIOError):
            listener.accept()


async def test_the_options_belong_to_signing(options: list[str]) -> None:
    done = await run("publish", "ws://127.0.0.1:1", "--me", "Ann", "--force")
    assert done.status == 2
    assert "--me, --force: belongs to signing" in done.err
