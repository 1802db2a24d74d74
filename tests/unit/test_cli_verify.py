"""`ringrelay verify`: events on stdin and bare signatures, Nostringer's own included."""

import io
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from coincurve import PrivateKey

from relay.cli import main
from relay.client.signing import keys
from relay.client.signing.bound_form import make_bound_note
from relay.client.signing.draft import Draft
from relay.client.signing.message_forms import make_message_note
from relay.client.terminal.ring_worth import SMALL_FOR_READERS
from relay.protocol import nip19
from relay.protocol.event import Event, Tag, compute_id, encode_event
from relay.protocol.ring_terms import Form, Scheme
from relay.verify.encoding import RingSignature, encode_ring_a
from relay.verify.form_bound import compute_signed_id
from relay.verify.ring_equations import to_ring_id
from tests.support.events import make_words_note

VECTORS: dict[str, dict[str, Any]] = {
    vector["id"]: vector
    for vector in json.loads((Path(__file__).parents[1] / "vectors" / "nostringer.json").read_text())["vectors"]
    if vector["signature"] or vector.get("compact")  # the others are about signing
}
SECRETS = [number.to_bytes(32, "big") for number in range(2001, 2005)]
RING = [keys.to_public_key(secret) for secret in SECRETS]
NSEC = nip19.encode_nsec(SECRETS[0])

# Cases where Nostringer's implementations are lenient, or disagree, and what this command says.
EXCEPTIONS = {
    # In an x-only or uncompressed ring the TypeScript dialect hashes the bytes as given: another message was signed.
    "v062": False,
    # The same points in other bytes: the canonical dialect hashes points.
    "v063": True,
    # Nostringer's TypeScript refuses s = 0, as we do: a scalar is in 1..n-1.
    "v071": False,
    # A ring of one proves nothing, and duplicates shrink the ring silently.
    **dict.fromkeys(["v039", "v040", "v041", "v042", "v069", "v070"], False),
    # One signature has one spelling: no 0x, no upper case, no s + n, no leading zeros.
    **dict.fromkeys(["v054", "v059", "v060", "v061"], False),
    # Upper-case keys are lowered where a person types them; in notes they are refused.
    "v064": True,
    # Other layouts of the same CBOR map would make one signature many.
    **dict.fromkeys(["v092", "v093", "v094", "v099", "v102", "v105"], False),
}

Verify = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def verify(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Verify:
    """Run `verify`, and return its status and the one JSON object it prints."""

    def run(*options: str, stdin: bytes = b"") -> tuple[int, dict[str, Any]]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        status = main(["verify", *options])
        captured = capsys.readouterr()
        assert captured.out.count("\n") == 1
        result = json.loads(captured.out)
        # What a small ring is worth is for people.
        assert captured.err.count("\n") == (result["valid"] and result["ring_size"] < SMALL_FOR_READERS)
        assert captured.err.startswith(
            f"a ring of {result['ring_size']} is small: one of its keys signed" if captured.err else ""
        )
        return status, result

    return run


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Run `verify --words`, and return its status and what it says."""

    def run(*options: str, stdin: bytes = b"") -> tuple[int, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        return main(["verify", "--words", *options]), capsys.readouterr().out

    return run


def make_text(words: str, form: Form = Form.TEXT, scheme: Scheme = Scheme.SAG, scope: str | None = None) -> str:
    """Return what somebody would copy of a note in a message-only form: its content."""
    draft = Draft(
        ring=RING, secret=SECRETS[1], form=form, scheme=scheme, scope=scope, content=words, created_at=1_700_000_000
    )
    return make_message_note(draft, PrivateKey()).content


def make_note(scheme: Scheme = Scheme.SAG, scope: str | None = None, ring: Sequence[bytes] = RING) -> Event:
    return make_bound_note(
        Draft(
            ring=ring,
            secret=SECRETS[1],
            scheme=scheme,
            scope=scope,
            content="hello",
            tags=(("t", "x"),),
            created_at=1_700_000_000,
        )
    )


def sign_event(secret: bytes, tags: tuple[Tag, ...], content: str) -> Event:
    """Return an event signed by its pubkey alone."""
    pubkey = keys.to_public_key(secret).hex()
    event_id = compute_id(pubkey, 1_700_000_000, 1, tags, content)
    sig = PrivateKey(secret).sign_schnorr(bytes.fromhex(event_id)).hex()
    return Event(event_id, pubkey, 1_700_000_000, 1, tags, content, sig)


def to_signature(vector: dict[str, Any]) -> str:
    """Return the signature as the vector has it: JSON for SAG, else the compact text (its own, or one made of it)."""
    signature = vector["signature"]
    if signature is None:
        return str(vector["compact"])
    if "key_image" not in signature:
        return json.dumps({"c0": signature["c0"], "s": signature["s"]})
    return vector.get("compact") or encode_ring_a(
        RingSignature(
            Scheme.BLSAG,
            bytes.fromhex(signature["c0"]),
            tuple(bytes.fromhex(response) for response in signature["s"]),
            bytes.fromhex(signature["key_image"]),
            signature.get("linkability_flag") or None,
        )
    )


def to_options(vector: dict[str, Any]) -> list[str]:
    ring = ",".join(vector["ring"])
    return ["--message-hex", vector["message_hex"], f"--ring={ring}", "--signature", to_signature(vector)]


def is_expected(vector: dict[str, Any]) -> bool:
    return EXCEPTIONS.get(vector["id"], any(answer is True for answer in vector["observed"].values()))


def test_a_bound_note_is_reported_with_all_it_proves(verify: Verify) -> None:
    note = make_note()
    assert verify(stdin=encode_event(note) + b"\n") == (
        0,
        {
            "valid": True,
            "form": "bound",
            "scheme": "sag",
            "dialect": "canonical",
            "binding": "event",
            "ring_size": 4,
            "ring_id": to_ring_id(RING),
            "key_image": None,
            "scope": None,
            "signed_text": f"nostr-ring-note:v1:{compute_signed_id(note)}",
        },
    )


@pytest.mark.parametrize(
    ("scope", "size", "said"),
    [
        (
            None,
            2,
            "the owner of the other may know nothing of it, so read the note as if it were by the one of the two whom you believe "
            "less; anyone who can rule the other out knows who signed\n",
        ),
        (
            None,
            4,
            "the owners of the others may know nothing of it, so read the note as if it were by the one of them whom you believe "
            "least; anyone who can rule the others out knows who signed\n",
        ),
        (
            "poll",
            2,
            "the owner of the other may know nothing of it, so read the note as if it were by the one of the two whom you believe "
            "less; the other can prove that it was not them, which leaves the signer\n",
        ),
        (None, 5, None),
        ("poll", 5, None),
    ],
)
def test_a_small_ring_is_valid_and_people_are_told_what_it_is_worth(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], scope: str | None, size: int, said: str | None
) -> None:
    ring = [RING[1], RING[0], *RING[2:], keys.to_public_key((2005).to_bytes(32, "big"))][:size]
    note = make_note(Scheme.BLSAG if scope else Scheme.SAG, scope, ring)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(encode_event(note))))
    assert main(["verify"]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert (result["valid"], result["ring_size"]) == (True, size)
    assert captured.err == ("" if said is None else f"a ring of {size} is small: one of its keys signed, and {said}")


def test_of_a_small_ring_that_did_not_sign_nothing_is_said(verify: Verify) -> None:
    note = msgspec.structs.replace(make_note(ring=RING[:2]), content="changed")
    assert verify(stdin=encode_event(note))[1]["valid"] is False


def test_the_words_that_a_ring_signed_are_reported_where_it_signed_no_more(verify: Verify) -> None:
    status, result = verify(stdin=encode_event(make_words_note("said by one of us")))
    assert (status, result["binding"], result["signed_text"]) == (0, "message", "said by one of us")


def test_a_linkable_note_is_reported_with_key_image_and_scope(verify: Verify) -> None:
    status, result = verify(stdin=encode_event(make_note(Scheme.BLSAG, "poll")))
    assert status == 0
    assert (result["scheme"], result["scope"]) == ("blsag", "poll")
    assert len(result["key_image"]) == 66


@pytest.mark.parametrize(
    "change", [{"content": "hullo"}, {"created_at": 1_700_000_001}, {"kind": 2}, {"id": "0" * 64}, {"pubkey": "1" * 64}]
)
def test_a_changed_note_is_not_valid_because_of_its_id(verify: Verify, change: dict[str, Any]) -> None:
    status, result = verify(stdin=encode_event(msgspec.structs.replace(make_note(), **change)))
    assert (status, result["valid"]) == (1, False)
    assert "id" in result["reason"]


def test_a_note_with_another_schnorr_signature_is_not_valid(verify: Verify) -> None:
    forged = msgspec.structs.replace(make_note(), sig=make_note().sig)
    status, result = verify(stdin=encode_event(forged))
    assert (status, result["valid"]) == (1, False)
    assert "signature" in result["reason"]


def test_a_note_with_other_words_signed_anew_by_another_key_is_not_valid(verify: Verify) -> None:
    note = make_note()
    status, result = verify(stdin=encode_event(sign_event((77).to_bytes(32, "big"), note.tags, "changed")))
    assert (status, result["valid"]) == (1, False)
    assert "ring signature" in result["reason"]


def test_an_ordinary_event_is_not_valid_for_want_of_a_ring(verify: Verify) -> None:
    status, result = verify(stdin=encode_event(sign_event(SECRETS[0], (), "hello")))
    assert (status, result["valid"]) == (1, False)
    assert "no ring signature" in result["reason"]


@pytest.mark.parametrize("raw", [b"{}", b"[]", b"hello", b"\xff", b"[" * 100_000, b'{"id":1}'])
def test_what_is_not_an_event_is_not_valid(verify: Verify, raw: bytes) -> None:
    status, result = verify(stdin=raw)
    assert (status, result["valid"]) == (1, False)
    assert "not one event" in result["reason"]


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS.keys())
def test_nostringers_vectors_are_judged_as_documented(verify: Verify, vector: dict[str, Any]) -> None:
    status, result = verify(*to_options(vector))
    assert result["valid"] is is_expected(vector), result
    assert status == (0 if result["valid"] else 1)
    assert ("reason" in result) is not result["valid"]
    if result["valid"]:
        assert (result["form"], result["binding"]) == (None, "message")
        assert result["ring_size"] == len(vector["ring"])


@pytest.mark.parametrize(
    ("vector", "dialect"),
    [("v003", "typescript"), ("v004", "canonical"), ("v029", "canonical"), ("v110", "rust-0.1.8")],
)
def test_the_dialect_that_verified_is_named(verify: Verify, vector: str, dialect: str) -> None:
    assert verify(*to_options(VECTORS[vector]))[1]["dialect"] == dialect


def test_a_bare_linkable_signature_is_reported_with_key_image_and_scope(verify: Verify) -> None:
    result = verify(*to_options(VECTORS["v031"]))[1]
    assert result["scope"] == "poll-1"
    assert result["key_image"] == VECTORS["v031"]["signature"]["key_image"]


def test_the_ring_may_be_a_file_of_npubs_and_hex_in_the_signed_order(verify: Verify, tmp_path: Path) -> None:
    vector = VECTORS["v019"]
    npubs = [nip19.encode_npub(bytes.fromhex(key)) for key in vector["ring"][:5]]
    path = tmp_path / "ring.txt"
    path.write_text("# the ring\n" + "\n".join([*npubs, *vector["ring"][5:]]) + "\n")
    options = ["--message-hex", vector["message_hex"], "--ring", str(path), "--signature", vector["compact"]]
    status, result = verify(*options)
    assert (status, result["dialect"]) == (0, "typescript")


def test_a_file_may_mix_keys_of_64_66_and_130_digits(verify: Verify, tmp_path: Path) -> None:
    vector = VECTORS["v010"]
    path = tmp_path / "ring.txt"
    path.write_text("\n".join(vector["ring"]))
    options = ["--message-hex", vector["message_hex"], "--ring", str(path), "--signature", vector["compact"]]
    assert verify(*options)[0] == 0


def test_the_signature_may_come_from_stdin(verify: Verify) -> None:
    vector = VECTORS["v023"]
    options = ["--message-hex", vector["message_hex"], "--ring", ",".join(vector["ring"]), "--signature", "-"]
    assert verify(*options, stdin=vector["compact"].encode() + b"\n")[0] == 0


def test_a_malformed_key_is_not_valid_and_named_by_its_place(verify: Verify) -> None:
    vector = VECTORS["v004"]
    ring = f"{vector['ring'][0]},0x{vector['ring'][1]}"
    status, result = verify("--message-hex", "00", "--ring", ring, "--signature", vector["compact"])
    assert (status, result["valid"]) == (1, False)
    assert "key 2 of the ring" in result["reason"]


@pytest.mark.parametrize("ring", ["", RING[0].hex(), "02" + RING[0].hex(), nip19.encode_npub(RING[0])])
def test_fewer_than_two_members_are_not_valid(verify: Verify, ring: str) -> None:
    signature = json.dumps({"c0": "11" * 32, "s": ["11" * 32]})
    status, result = verify("--message-hex", "00", "--ring", ring, "--signature", signature)
    assert (status, result["valid"]) == (1, False)
    assert ("two members" if ring else "one response per ring member") in result["reason"]


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--ring", "a,b"),
        ("--message-hex", "00", "--signature", "ringA"),
        ("--message-hex", "0", "--ring", "a,b", "--signature", "ringA"),
        ("--message-hex", "xx", "--ring", "a,b", "--signature", "ringA"),
        ("--message-hex", "00", "--ring", "no-such-file", "--signature", "ringA"),
        ("--message-hex", "00", "--ring", f"{NSEC},{NSEC}", "--signature", "ringA"),
        ("--message-hex", "00", "--ring", NSEC, "--signature", "ringA"),
    ],
)
def test_wrong_usage_has_status_2_and_repeats_no_key(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert main(["verify", *options]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("ringrelay verify: ")
    assert NSEC not in captured.err


@pytest.mark.parametrize("form", [Form.TEXT, Form.NOSTRINGER])
def test_a_pasted_text_is_reported_with_the_words_that_were_signed(verify: Verify, form: Form) -> None:
    assert verify("--text", stdin=make_text("said by one of us", form).encode()) == (
        0,
        {
            "valid": True,
            "form": form.value,
            "scheme": "sag",
            "dialect": "canonical",
            "binding": "message",
            "ring_size": 4,
            "ring_id": to_ring_id(RING),
            "key_image": None,
            "scope": None,
            "signed_text": "said by one of us",
        },
    )


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_a_text_with_the_line_ends_of_windows_is_verified(verify: Verify, end: str) -> None:
    text = make_text("said by one of us").replace("\n", "\r\n") + end
    status, result = verify("--text", stdin=text.encode())
    assert (status, result["signed_text"]) == (0, "said by one of us")


def test_the_signed_line_ends_are_reported_as_they_are(verify: Verify) -> None:
    status, result = verify("--text", stdin=make_text("one\r\ntwo\nthree").encode())
    assert (status, result["signed_text"]) == (0, "one\r\ntwo\nthree")


@pytest.mark.parametrize(("name", "dialect"), [("v029", "canonical"), ("v110", "rust-0.1.8"), ("v019", "typescript")])
def test_a_text_around_nostringers_own_signature_is_verified(verify: Verify, name: str, dialect: str) -> None:
    vector = VECTORS[name]
    words = bytes.fromhex(vector["message_hex"]).decode()
    text = "\n".join([words, "", "Ring:", *vector["ring"], "", "Signature:", vector["compact"], ""])
    status, result = verify("--text", stdin=text.encode())
    assert (status, result["signed_text"], result["dialect"]) == (0, words, dialect)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text.replace("said", "sald"), "does not verify"),
        (lambda text: text + "\n\nSent from my telephone", "text outside"),
        (lambda text: text[: text.index("ringA")], "no ring signature in this text"),
        (lambda text: "hello", "no ring signature in this text"),
        (lambda text: text[:-40], "ring signature"),
    ],
)
def test_a_text_that_its_ring_did_not_sign_is_not_valid(
    verify: Verify, change: Callable[[str], str], reason: str
) -> None:
    status, result = verify("--text", stdin=change(make_text("said by one of us")).encode())
    assert (status, result["valid"]) == (1, False)
    assert reason in result["reason"]


C0 = "11" * 32


@pytest.mark.parametrize(
    ("signature", "advice"),
    [
        ("ringAo2F2Y3NhZ2FjWCBflJWz6pITdpZl", "what begins with ringA is cut, or broken by line ends"),
        ("ringAo2F2Y3NhZ2FjWCBflJWz6pITdpZl\nV4xkL6Pep2GmGCxGK6hn3ww9J4yX2Fzg5", "broken by line ends"),
        (f"{{\n  c0: '{C0}',\n  s: [\n    '{C0}'\n  ]\n}}", "print them with JSON.stringify"),
        (f"c0: {C0}\ns values:\n  s[0]: {C0}", "print them with JSON.stringify"),
        (f'--c0 {C0} --s-values "{C0}"', "print them with JSON.stringify"),
        ("", "give all of it"),
    ],
)
def test_what_was_meant_as_a_signature_is_named(verify: Verify, signature: str, advice: str) -> None:
    text = "\n".join(["said by one of us", "", *map(nip19.encode_npub, RING), "", signature])
    status, result = verify("--text", stdin=text.encode())
    assert status == 1
    assert result["reason"].startswith("invalid: no ring signature in this text: ")
    assert advice in result["reason"]


def test_an_event_is_not_taken_for_a_text_nor_a_text_for_an_event(
    verify: Verify, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "--text verifies a text" in verify(stdin=make_text("said by one of us").encode())[1]["reason"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(encode_event(make_note()))))
    assert main(["verify", "--text"]) == 2
    assert "verify it without --text" in capsys.readouterr().err


@pytest.mark.parametrize(("stdin", "advice"), [(b"M\xe4rz", "save it as UTF-8"), (b" \n", "nothing on stdin")])
def test_a_text_that_cannot_be_read_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stdin: bytes, advice: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
    assert main(["verify", "--text"]) == 2
    assert advice in capsys.readouterr().err


def test_of_a_text_it_is_said_what_was_signed_and_what_that_does_not_prove(
    say: Callable[..., tuple[int, str]],
) -> None:
    assert say("--text", stdin=make_text("Wir wissen es.\n\nSeit März.").encode()) == (
        0,
        f"""\
TRUE: one of the 4 keys of this ring signed these words
words      "Wir wissen es.\\n"
           "\\n"
           "Seit März."
scheme     sag, in the dialect canonical
ring       4 members, ring id {to_ring_id(RING)}
not proved names beside keys, labels, when it was written, and who posted it: anybody can post it with its signature
""",
    )


def test_of_a_text_that_does_not_verify_it_is_said_why(say: Callable[..., tuple[int, str]]) -> None:
    status, said = say("--text", stdin=make_text("said by one of us").replace("said", "sald").encode())
    assert status == 1
    assert said.startswith("FALSE: the ring signature does not verify")
    assert said.count("\n") == 1


def test_words_cannot_steer_a_terminal_and_stay_exact(say: Callable[..., tuple[int, str]]) -> None:
    words = 'a\x1b[2Jb\x07 "c" \\ \u202eturned\u202c\u00a0d\u2028e\rf \U0001f469\u200d\U0001f4bb g\x9bm'
    said = say("--text", stdin=make_text(words).encode())[1]
    shown = [line.removeprefix("words").strip() for line in said.splitlines() if '"' in line]
    assert "".join(map(json.loads, shown)) == words
    assert not {char for char in said if char != "\n" and not char.isprintable()}


def test_of_an_event_its_own_words_are_shown_and_what_its_form_leaves_open(
    say: Callable[..., tuple[int, str]],
) -> None:
    bound = say(stdin=encode_event(make_note(Scheme.BLSAG, "poll")))[1]
    assert 'words      "hello"\n' in bound
    assert 'this signer\'s in the scope "poll"\n' in bound
    assert "event      kind 1, dated 2023-11-14 22:13 UTC\n" in bound
    assert "signed this event with all its words" in bound
    words_only = say(stdin=encode_event(make_words_note("said by one of us")))[1]
    assert 'words      "said by one of us"\n' in words_only
    assert "not proved names beside keys, and the event's time, author and tags" in words_only


def test_of_a_bare_signature_it_is_said_too(say: Callable[..., tuple[int, str]]) -> None:
    status, said = say(*to_options(VECTORS["v004"]))
    assert (status, said.splitlines()[0]) == (0, "TRUE: one of the 2 keys of this ring signed this message")
    assert "this signer's in every scope" in say(*to_options(VECTORS["v110"]))[1]


@pytest.mark.parametrize(
    "options", [("--text", "--message-hex", "00", "--ring", "a,b", "--signature", "ringA"), ("--json", "--words")]
)
def test_two_things_at_a_time_are_wrong_usage(options: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit, match="2"):
        sys.exit(main(["verify", *options]))
