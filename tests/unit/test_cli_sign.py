"""`ringrelay sign`: the note it prints, and what it refuses to sign."""

import io
import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from relay.cli import main
from relay.client.commands.sign import MAX_MESSAGE_BYTES
from relay.client.commands.sign_options import HOUR_S, MAX_BACKDATE_S, pick_time
from relay.client.signing import keys
from relay.client.signing.verify_event import verify_note
from relay.client.terminal.anonymity_notice import ANONYMITY_NOTICE
from relay.client.terminal.bad_input import BadInput
from relay.protocol import nip19
from relay.protocol.event import Event, count_leading_zero_bits, decode_event, find_tag
from relay.protocol.ring_terms import Scheme
from relay.verify.claim import RingProof

SECRETS = [number.to_bytes(32, "big") for number in range(1001, 1013)]
NSEC = nip19.encode_nsec(SECRETS[0])
TARGET = "ab" * 32

Sign = Callable[..., Event]
Refuse = Callable[..., str]


def write_ring(path: Path, *secrets: bytes) -> Path:
    path.write_text("".join(nip19.encode_npub(keys.to_public_key(secret)) + "\n" for secret in secrets))
    return path


def write_secret(path: Path, secret: bytes) -> Path:
    path.write_text(nip19.encode_nsec(secret) + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture(autouse=True)
def _no_secret_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(keys.SECRET_VARIABLE, raising=False)


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    return write_ring(tmp_path / "ring.txt", *SECRETS)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return write_secret(tmp_path / "me.key", SECRETS[0])


@pytest.fixture
def sign(ring: Path, key: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Sign:
    """Run `sign` with a ring of 12 and one of its keys, and return the note; nothing else may be on stdout."""

    def run(*options: str) -> Event:
        assert main(["sign", "--ring", str(ring), "--key-file", str(key), *options]) == 0
        out = capfdbinary.readouterr().out
        assert out.count(b"\n") == 1
        return decode_event(out)

    return run


@pytest.fixture
def refuse(ring: Path, key: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Refuse:
    """Run `sign` expecting a refusal with status 2, and return what it said; no secret may be in it."""

    def run(*options: str, ring: Path = ring, key: Path | None = key) -> str:
        key_options = [] if key is None else ["--key-file", str(key)]
        assert main(["sign", "--ring", str(ring), *key_options, *options]) == 2
        captured = capfdbinary.readouterr()
        assert captured.out == b""
        said = captured.err.decode()
        assert "nsec1" not in said
        assert SECRETS[0].hex() not in said
        return said

    return run


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    return lambda raw: monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))


def prove(note: Event) -> RingProof:
    return verify_note(note)


def test_the_note_proves_that_one_of_the_ring_wrote_it(sign: Sign) -> None:
    note = sign("--message", "hello")
    proof = prove(note)
    assert (note.kind, note.content) == (1, "hello")
    assert proof.scheme is Scheme.SAG
    assert proof.key_image is None
    assert set(proof.ring) == {keys.to_public_key(secret) for secret in SECRETS}


def test_the_note_is_signed_by_a_key_outside_the_ring_that_is_new_each_time(sign: Sign) -> None:
    pubkeys = {sign("--message", "hello").pubkey for _ in range(3)}
    assert len(pubkeys) == 3
    assert not pubkeys & {keys.to_public_key(secret).hex() for secret in SECRETS}


def test_a_message_without_end_is_not_read_to_its_end(refuse: Refuse, stdin: Callable[[bytes], None]) -> None:
    stdin(b"x" * (MAX_MESSAGE_BYTES + 1))
    assert "shorten it" in refuse()


def test_a_linkable_note_carries_its_scope_and_the_same_key_image_each_time(sign: Sign) -> None:
    first, second, other = (
        prove(sign("--message", text, "--scheme", "blsag", "--scope", scope))
        for text, scope in (("one", "poll"), ("two", "poll"), ("one", "else"))
    )
    assert (first.scheme, first.scope) == (Scheme.BLSAG, "poll")
    assert first.key_image == second.key_image
    assert first.key_image != other.key_image


def test_kind_and_tags_are_those_that_were_asked_for(sign: Sign) -> None:
    note = sign("--message", "+", "--kind", "7", "--tag", f"e={TARGET}", "--tag", "r=https://example.com/?a=b")
    assert note.kind == 7
    assert [tag for tag in note.tags if tag[0] in ("e", "r")] == [("e", TARGET), ("r", "https://example.com/?a=b")]
    prove(note)


def test_an_expiration_may_be_asked_for(sign: Sign) -> None:
    assert find_tag(sign("--message", "soon gone", "--tag", "expiration=4000000000"), "expiration") == "4000000000"


def test_a_tag_of_several_values_is_written_as_json(sign: Sign) -> None:
    note = sign("--message", "who knew?", "--kind", "1068", "--tag", '["option", "y", "the \\"board\\""]')
    assert ("option", "y", 'the "board"') in note.tags


@pytest.mark.parametrize("tag", ["[]", "[1]", '["a"', '[""]', '["\\ud800"]', '[["a"]]'])
def test_a_tag_that_is_no_array_of_strings_is_refused(refuse: Refuse, tag: str) -> None:
    assert "JSON array of strings" in refuse("--message", "x", "--tag", tag)


def test_an_open_note_names_no_ring_that_alone_may_answer(sign: Sign) -> None:
    assert find_tag(sign("--message", "who knew?"), "R") is not None
    note = sign("--message", "who knew?", "--open")
    assert find_tag(note, "R") is None
    assert prove(note).ring_id


def test_no_tag_names_the_program(sign: Sign) -> None:
    assert find_tag(sign("--message", "hello"), "client") is None


def test_proof_of_work_is_done_when_asked_for(sign: Sign) -> None:
    note = sign("--message", "hello", "--pow", "8")
    assert count_leading_zero_bits(note.id) >= 8
    prove(note)


def test_the_message_may_come_from_stdin_and_loses_one_line_end(sign: Sign, stdin: Callable[[bytes], None]) -> None:
    stdin("größe\n\n".encode())
    assert sign().content == "größe\n"


def test_a_line_end_as_windows_writes_it_is_one_line_end(sign: Sign, stdin: Callable[[bytes], None]) -> None:
    stdin(b"hello\r\n")
    assert sign().content == "hello"


def test_line_ends_that_tell_of_the_authors_machine_are_warned_about(
    ring: Path, key: Path, stdin: Callable[[bytes], None], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    stdin(b"a\r\nb\r\n")
    assert main(["sign", "--ring", str(ring), "--key-file", str(key)]) == 0
    assert b"Windows" in capfdbinary.readouterr().err


def test_a_message_of_two_kinds_of_line_ends_is_kept_as_it_is(sign: Sign, stdin: Callable[[bytes], None]) -> None:
    stdin(b"a\r\nb\x00c")
    assert sign().content == "a\r\nb\x00c"


def test_the_key_may_come_from_the_environment(
    ring: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setenv(keys.SECRET_VARIABLE, SECRETS[3].hex())
    assert main(["sign", "--ring", str(ring), "--message", "hello"]) == 0
    prove(decode_event(capfdbinary.readouterr().out))


def test_the_time_is_moved_back_up_to_two_days_and_rounded_to_the_hour(sign: Sign) -> None:
    before = int(time.time())
    created_at = sign("--message", "hello").created_at
    assert created_at % HOUR_S == 0
    assert before - MAX_BACKDATE_S - HOUR_S < created_at <= time.time()


def test_the_times_picked_spread_over_the_whole_two_days() -> None:
    now = 1_700_000_000
    picked = {pick_time(now) for _ in range(5_000)}
    assert len(picked) >= 48
    assert all(time % HOUR_S == 0 and now - MAX_BACKDATE_S - HOUR_S < time <= now for time in picked)


def test_now_gives_the_true_time_and_a_warning(
    ring: Path, key: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    before = int(time.time())
    assert main(["sign", "--ring", str(ring), "--key-file", str(key), "--message", "hello", "--now"]) == 0
    captured = capfdbinary.readouterr()
    assert before <= decode_event(captured.out).created_at <= time.time()
    assert b"warning: --now" in captured.err


def test_a_time_can_be_given(sign: Sign) -> None:
    assert sign("--message", "hello", "--created-at", "1700000001").created_at == 1_700_000_001


def test_a_small_ring_is_warned_about(tmp_path: Path, key: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    small = write_ring(tmp_path / "small.txt", *SECRETS[:2])
    assert main(["sign", "--ring", str(small), "--key-file", str(key), "--message", "hello"]) == 0
    captured = capfdbinary.readouterr()
    prove(decode_event(captured.out))
    # A warning, and no word of a refusal.
    (warning,) = captured.err.decode().splitlines()
    assert warning.startswith(
        "warning: a ring of 2 hides you among one other member only: that one knows that it was you"
    )


@pytest.mark.parametrize(("size", "is_refused"), [(4, True), (5, False)])
def test_that_relays_refuse_a_small_linkable_ring_is_said_once_and_before_the_message_is_read(
    tmp_path: Path, key: Path, capfdbinary: pytest.CaptureFixture[bytes], size: int, is_refused: bool
) -> None:
    small = write_ring(tmp_path / "small.txt", *SECRETS[:size])
    options = ["--ring", str(small), "--key-file", str(key), "--scheme", "blsag", "--scope", "poll"]
    assert main(["sign", *options, "--message", "hello"]) == 0
    signed = capfdbinary.readouterr()
    assert prove(decode_event(signed.out)).scheme is Scheme.BLSAG
    assert signed.err.count(b"\n") == 2
    assert signed.err.count(b"relays refuse a linkable ring of fewer than 5 by default") == is_refused
    # An empty message is refused, and that is said last.
    assert main(["sign", *options, "--message", ""]) == 2
    assert capfdbinary.readouterr().err.startswith(signed.err)


def test_the_number_of_others_is_named(tmp_path: Path, key: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    small = write_ring(tmp_path / "small.txt", *SECRETS[:3])
    assert main(["sign", "--ring", str(small), "--key-file", str(key), "--message", "hello"]) == 0
    assert b"among 2 other members only" in capfdbinary.readouterr().err


@pytest.mark.parametrize(
    ("content", "options", "reason"),
    [
        ("x" * 100_000, (), None),
        ("x" * 100_001, (), b"longer than 100000 characters"),
        ("\x01" * 60_000, (), b"more than 262144 bytes"),
        ("x", ("--tag=-=1",), b"protected"),
        ("x", ("--tag", "expiration=1"), b"expired"),
        ("x", ("--created-at", "9000000000"), b"in the future"),
    ],
)
def test_a_note_ringrelay_would_refuse_by_default_is_signed_with_a_warning(
    ring: Path,
    key: Path,
    stdin: Callable[[bytes], None],
    capfdbinary: pytest.CaptureFixture[bytes],
    content: str,
    options: tuple[str, ...],
    reason: bytes | None,
) -> None:
    stdin(content.encode())
    assert main(["sign", "--ring", str(ring), "--key-file", str(key), "--pow", "0", *options]) == 0
    captured = capfdbinary.readouterr()
    assert decode_event(captured.out).content == content
    if reason is None:
        assert captured.err == b""
    else:
        assert captured.err.count(b"\n") == 1
        assert b"warning: many relays, ringrelay by default, refuse such a note: " in captured.err
        assert reason in captured.err


def test_a_reaction_that_no_relay_counts_is_signed_with_a_warning(
    ring: Path, key: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    options = ["--kind", "7", "--tag", f"e={TARGET}", "--message", "+"]
    assert main(["sign", "--ring", str(ring), "--key-file", str(key), *options]) == 0
    assert f"--scheme blsag --scope 7:{TARGET}".encode() in capfdbinary.readouterr().err


def test_an_answer_that_relays_count_is_signed_without_a_word(
    ring: Path, key: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    options = ["--kind", "7", "--tag", f"e={TARGET}", "--message", "+", "--scheme", "blsag", "--scope", f"7:{TARGET}"]
    assert main(["sign", "--ring", str(ring), "--key-file", str(key), *options]) == 0
    assert capfdbinary.readouterr().err == b""


def test_a_note_is_mined_as_ringrelays_ask_unless_told_otherwise(
    ring: Path, key: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    for options, bits in (((), "16"), (("--pow", "3"), "3")):
        assert main(["sign", "--ring", str(ring), "--key-file", str(key), "--message", "hello", *options]) == 0
        note = decode_event(capfdbinary.readouterr().out)
        assert note.tags[-1][0::2] == ("nonce", bits)
        assert count_leading_zero_bits(note.id) >= int(bits)


def test_a_ring_that_needs_proof_of_work_is_told_with_the_option_that_does_it(
    tmp_path: Path, key: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    ring = write_ring(tmp_path / "large.txt", *SECRETS, *(number.to_bytes(32, "big") for number in range(2000, 2300)))
    assert main(["sign", "--ring", str(ring), "--key-file", str(key), "--message", "hello", "--pow", "0"]) == 0
    said = capfdbinary.readouterr().err.decode()
    assert "--pow 14" in said
    assert "ringrelay publish --ring" in said


def test_the_help_says_how_to_answer_a_note_and_a_poll(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["sign", "--help"])
    said = capsys.readouterr().out
    assert "--kind 7 --tag e=ID --scheme blsag --scope 7:ID" in said
    assert "--scope 1018:ID" in said


def test_the_help_prefers_stdin_as_arguments_can_be_seen(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["sign", "--help"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "ringrelay sign --ring ring.txt --key-file me.key < note.txt" in printed
    assert "other users of the machine can read it while the program runs (ps)" in printed


def test_a_ring_of_one_is_refused(refuse: Refuse, tmp_path: Path) -> None:
    assert "2 members" in refuse("--message", "x", ring=write_ring(tmp_path / "one.txt", SECRETS[0]))


def test_a_key_outside_the_ring_is_refused(refuse: Refuse, tmp_path: Path) -> None:
    assert "not in the ring" in refuse("--message", "x", ring=write_ring(tmp_path / "others.txt", *SECRETS[1:]))


def test_the_secret_key_in_the_ring_file_is_noticed(refuse: Refuse, tmp_path: Path) -> None:
    # Found by trial: this secret, read as an x coordinate, is on the curve, so the file parses.
    secret = next(
        secret for secret in (number.to_bytes(32, "big") for number in range(1, 100)) if _is_public_key(secret.hex())
    )
    ring = tmp_path / "ring.txt"
    ring.write_text(f"{secret.hex()}\n{keys.to_public_key(SECRETS[1]).hex()}\n")
    said = refuse("--message", "x", ring=ring, key=write_secret(tmp_path / "other.key", secret))
    assert "SECRET" in said
    assert secret.hex() not in said


def _is_public_key(text: str) -> bool:
    try:
        keys.parse_public_key(text)
    except BadInput:
        return False
    return True


def test_linkable_without_scope_and_scope_without_linkable_are_refused(refuse: Refuse) -> None:
    assert "--scope" in refuse("--message", "x", "--scheme", "blsag")
    assert "--scheme blsag" in refuse("--message", "x", "--scope", "poll")


@pytest.mark.parametrize("scope", ["", "x" * 129, "é" * 65])
def test_a_scope_of_the_wrong_length_is_refused(refuse: Refuse, scope: str) -> None:
    assert "128" in refuse("--message", "x", "--scheme", "blsag", "--scope", scope)


def test_the_flag_of_the_published_crate_is_refused_as_a_scope(refuse: Refuse) -> None:
    assert "--scope" in refuse("--message", "x", "--scheme", "blsag", "--scope", "NostringerHp")


@pytest.mark.parametrize("name", ["ring", "ringsig", "ring-members", "ring-signature", "scope", "R", "J", "nonce"])
def test_a_tag_the_signing_writes_itself_is_refused(refuse: Refuse, name: str) -> None:
    assert f"--tag {name}" in refuse("--message", "x", "--tag", f"{name}=1")


@pytest.mark.parametrize("tag", ["e", "=x", ""])
def test_a_tag_without_name_or_value_is_refused(refuse: Refuse, tag: str) -> None:
    assert "NAME=VALUE" in refuse("--message", "x", "--tag", tag)


@pytest.mark.parametrize("tag", ["e=note1abc", "e=abc", f"e={TARGET.upper()}", "p=ann@example.org", "e="])
def test_an_id_or_key_in_a_tag_that_no_reader_would_find_is_refused(refuse: Refuse, tag: str) -> None:
    assert "64 lower-case hex digits" in refuse("--tag", tag, "--message", "hello")


@pytest.mark.parametrize(
    "options",
    [
        ("--message", f"my key is {NSEC}, oops"),
        ("--message", NSEC.upper()),
        ("--message", f"with a wrong letter, {NSEC[:-1]}q"),
        ("--message", f"without its beginning, {NSEC[5:]}"),
        ("--message", f"hex {SECRETS[0].hex().upper()}"),
        ("--message", "x", "--tag", f"r=nostr:{NSEC}"),
        ("--message", "x", "--scheme", "blsag", "--scope", NSEC),
    ],
)
def test_a_note_that_would_publish_a_secret_key_is_refused(refuse: Refuse, options: tuple[str, ...]) -> None:
    assert "secret key" in refuse(*options)


def test_an_empty_text_note_is_refused(refuse: Refuse, stdin: Callable[[bytes], None]) -> None:
    stdin(b"\n")
    assert "empty" in refuse()


def test_a_message_that_is_not_utf_8_is_refused(refuse: Refuse, stdin: Callable[[bytes], None]) -> None:
    stdin(b"\xff")
    assert "UTF-8" in refuse()
    assert "UTF-8" in refuse("--message", os.fsdecode(b"\xff"))


@pytest.mark.parametrize(
    "options", [("--kind", "65536"), ("--kind", "-1"), ("--pow", "-1"), ("--pow", "65"), ("--created-at", "-1")]
)
def test_a_number_out_of_range_is_refused(refuse: Refuse, options: tuple[str, ...]) -> None:
    assert options[0] in refuse("--message", "x", *options)


def test_without_a_key_both_ways_to_give_one_are_named(refuse: Refuse) -> None:
    said = refuse("--message", "x", key=None)
    assert "--key-file" in said
    assert keys.SECRET_VARIABLE in said


def test_a_secret_key_typed_as_the_name_of_its_file_is_not_repeated(refuse: Refuse) -> None:
    assert "not a key" in refuse("--message", "x", key=Path(NSEC))


@pytest.mark.parametrize(
    "options", [("--key", NSEC), (NSEC,), ("--kind", NSEC), (f"--nsec={NSEC}",), (SECRETS[0].hex(),)]
)
def test_a_secret_key_typed_anywhere_else_is_not_repeated(
    ring: Path, capfdbinary: pytest.CaptureFixture[bytes], options: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["sign", "--ring", str(ring), "--message", "x", *options])
    said = capfdbinary.readouterr().err.decode()
    assert NSEC[5:] not in said
    assert SECRETS[0].hex() not in said


def test_what_still_gives_an_author_away_is_explained_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["sign", "--explain"])
    assert capsys.readouterr().out == ANONYMITY_NOTICE


@pytest.mark.parametrize(("options", "is_shown"), [((), True), (("--quiet",), False)])
def test_at_a_terminal_what_gives_an_author_away_is_shown_before_each_note(
    ring: Path, key: Path, options: tuple[str, ...], is_shown: bool
) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "relay", "sign", "--ring", str(ring), "--key-file", str(key), *options]
    for _ in range(2):
        done = subprocess.run(command, input=b"hello", stdout=subprocess.PIPE, stderr=theirs, check=True)
        os.write(theirs, b"the end\n")
        shown = b""
        while b"the end" not in shown:
            shown += os.read(ours, 4096)
        assert (ANONYMITY_NOTICE.splitlines()[0].encode() in shown) is is_shown
        assert decode_event(done.stdout).content == "hello"
    os.close(ours)
    os.close(theirs)


def test_the_ring_is_judged_by_what_its_file_says_of_the_keys(
    tmp_path: Path, key: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    npubs = [nip19.encode_npub(keys.to_public_key(secret)) for secret in SECRETS]
    seen = ["first seen 2025-Q4", *["first seen 2023-Q1"] * 9, *["never seen"] * 2]
    path = tmp_path / "checked.txt"
    path.write_text("".join(f"{npub}  # {text}\n" for npub, text in zip(npubs, seen, strict=True)))
    assert main(["sign", "--ring", str(path), "--key-file", str(key), "--message", "hello"]) == 0
    said = capfdbinary.readouterr().err.decode().splitlines()
    assert [line.startswith("warning: ") for line in said] == [True, True]
    assert "2 of the ring's 12 keys were never seen" in said[0]
    assert "your key is the newest" in said[1]


@pytest.mark.parametrize("form", ["nip97", "nostringer", "text"])
def test_a_note_for_other_readers_is_a_text_note_and_its_weakness_is_said(
    ring: Path, key: Path, refuse: Refuse, capfdbinary: pytest.CaptureFixture[bytes], form: str
) -> None:
    assert "--kind" in refuse("--message", "x", "--form", form, "--kind", "7")
    assert main(["sign", "--ring", str(ring), "--key-file", str(key), "--message", "hello", "--form", form]) == 0
    captured = capfdbinary.readouterr()
    assert b"the ring signs the message only" in captured.err
    assert b"you lose the power to take your words back" in captured.err
    assert prove(decode_event(captured.out)).signed_text == "hello"


@pytest.mark.parametrize("form", ["nip97", "nostringer", "text"])
def test_a_tag_that_says_more_than_the_words_is_not_signed_in_these_forms(
    sign: Sign, refuse: Refuse, form: str
) -> None:
    for tag in ("subject=x", "t=budget", f"e={TARGET}", f"p={TARGET}"):
        assert "the ring does not sign the tags" in refuse("--message", "hello", "--form", form, "--tag", tag)
    options = ["--form", form, "--tag", "t=Budget", "--tag", f"p={TARGET}", "--pow", "1"]
    note = sign("--message", f"ask {TARGET} about the #budget", *options)
    assert {tag[0] for tag in note.tags} - {"ring-members", "ring-signature"} == {"t", "p", "nonce"}


def test_words_that_a_reader_would_mistake_for_a_signature_are_not_signed_in_the_text_form(refuse: Refuse) -> None:
    said = refuse("--message", "as in ringA" + "x" * 200, "--form", "text")
    assert "change the message" in said


def test_the_secret_is_in_no_argument_and_no_output_of_the_process(ring: Path, key: Path) -> None:
    command = [sys.executable, "-m", "relay", "sign", "--ring", str(ring), "--key-file", str(key)]
    done = subprocess.run(command, input=b"hello", capture_output=True, check=True)
    assert prove(decode_event(done.stdout)).scheme is Scheme.SAG
    assert done.stderr == b""
    for hidden in (NSEC, SECRETS[0].hex()):
        assert hidden.encode() not in done.stdout
        assert hidden not in " ".join(command)


def test_what_sign_prints_verify_takes(sign: Sign, ring: Path, key: Path) -> None:
    sign_command = [sys.executable, "-m", "relay", "sign", "--ring", str(ring), "--key-file", str(key)]
    signed = subprocess.run(sign_command, input="größe".encode(), capture_output=True, check=True).stdout
    verify_command = [sys.executable, "-m", "relay", "verify"]
    verified = subprocess.run(verify_command, input=signed, capture_output=True, check=True).stdout
    assert json.loads(verified)["valid"] is True
