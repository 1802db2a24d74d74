"""Which form a note claims, and every reason a bound note is refused before any curve operation."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from coincurve import PrivateKey

from relay.client.signing.bound_form import make_bound_note
from relay.client.signing.draft import Draft
from relay.client.signing.ring_sign import sign_blsag, sign_sag
from relay.protocol.event import Event, Tag, compute_id, count_leading_zero_bits
from relay.protocol.refusal import Prefix, Rejected
from relay.protocol.ring_terms import Form, Scheme
from relay.verify import proof, schnorr
from relay.verify.claim import Claim
from relay.verify.encoding import encode_ring_a
from relay.verify.ring_equations import Dialect, lift_x, to_ring_id
from tests.support.cpu_time import measure_fastest_s
from tests.support.time_factor import scaled

SECRETS = sorted(
    (PrivateKey(bytes(31) + bytes([index])).secret for index in range(1, 6)),
    key=lambda secret: PrivateKey(secret).public_key.format()[1:],
)
KEYS = [PrivateKey(secret).public_key.format()[1:] for secret in SECRETS]
HEX = tuple(key.hex() for key in KEYS)
SCOPE = "7:" + "ab" * 32
OFF_CURVE = f"{5:064x}"


DRAFT = Draft(ring=KEYS, secret=SECRETS[1], content="words", tags=[("t", "x")], created_at=1_700_000_000)


def make(scheme: Scheme = Scheme.SAG, *, author: PrivateKey | None = None, **changes: Any) -> Event:
    scope = SCOPE if scheme is Scheme.BLSAG else None
    return make_bound_note(replace(DRAFT, **({"scheme": scheme, "scope": scope} | changes)), author)


SAG = make()
BLSAG = make(Scheme.BLSAG)
MINED = make(pow_bits=4)


def find(event: Event) -> Claim:
    found = proof.detect_claim(event)
    assert found is not None
    return found


def with_tags(event: Event, change: Callable[[list[Tag]], object]) -> Event:
    tags = list(event.tags)
    change(tags)
    return msgspec.structs.replace(event, tags=tuple(tags))


def place(event: Event, name: str) -> int:
    return next(index for index, tag in enumerate(event.tags) if tag[0] == name)


def put(event: Event, name: str, *values: str) -> Event:
    """Replace the tag of that name."""
    return with_tags(event, lambda tags: tags.__setitem__(place(event, name), (name, *values)))


def insert(event: Event, *tag: str, at: int = 0) -> Event:
    return with_tags(event, lambda tags: tags.insert(at, tag))


def remove(event: Event, name: str) -> Event:
    return with_tags(event, lambda tags: tags.pop(place(event, name)))


def plain(content: str, *tags: Tag) -> Event:
    return msgspec.structs.replace(SAG, content=content, tags=tags)


def refuse(event: Event, reason: str) -> None:
    with pytest.raises(Rejected, match=reason) as caught:
        proof.detect_claim(event)
    assert caught.value.prefix is Prefix.INVALID


@pytest.mark.parametrize("event", [SAG, BLSAG, MINED])
def test_a_bound_note_is_found_and_verifies(event: Event) -> None:
    schnorr.verify_signature(event)
    assert event.id == compute_id(event.pubkey, event.created_at, event.kind, event.tags, event.content)
    found = find(event)
    proved = proof.verify_claim(found)
    assert proved.dialect is Dialect.CANONICAL
    assert (found.form, found.binding, found.ring) == (Form.BOUND, "event", tuple(KEYS))
    assert found.ring_id == to_ring_id(KEYS)
    assert [proved.signed_text] == [one.text for one in found.candidates] == [f"nostr-ring-note:v1:{found.signed_id}"]


def test_a_sag_has_neither_key_image_nor_scope_and_a_blsag_has_both() -> None:
    sag, blsag = find(SAG), find(BLSAG)
    assert (sag.scheme, sag.key_image, sag.scope) == (Scheme.SAG, None, None)
    assert (blsag.scheme, blsag.scope) == (Scheme.BLSAG, SCOPE)
    assert blsag.key_image == (blsag.signature.key_image or b"").hex()
    assert ("J", blsag.key_image) in BLSAG.tags


def test_the_tags_stand_in_the_documented_order() -> None:
    assert [tag[0] for tag in make(Scheme.BLSAG, pow_bits=2).tags] == [
        *("t", "ring", "scope", "R", "J", "ringsig", "nonce"),
    ]
    assert [tag[0] for tag in SAG.tags] == ["t", "ring", "R", "ringsig"]


def test_mining_reaches_and_commits_to_its_target_and_leaves_the_signed_message_alone() -> None:
    mined = make(pow_bits=8, content='quotes " and \\ and ü and \n')
    assert count_leading_zero_bits(mined.id) >= 8
    assert mined.tags[-1][2] == "8"
    assert find(mined).signed_id == find(remove(mined, "nonce")).signed_id
    assert proof.verify_claim(find(mined))


def test_a_fresh_key_signs_each_note_unless_one_is_given() -> None:
    assert make().pubkey != make().pubkey
    author = PrivateKey(bytes(31) + b"\x77")
    assert make(author=author).pubkey == author.public_key.format()[1:].hex()


def test_the_members_may_be_given_to_the_signer_in_any_order() -> None:
    event = make_bound_note(Draft(ring=KEYS[::-1], secret=SECRETS[0], content="", created_at=0))
    assert proof.verify_claim(find(event)).dialect is Dialect.CANONICAL


@pytest.mark.parametrize(
    "changes",
    [
        {"scope": "x"},
        {"tags": [("ring", "x")]},
        {"tags": [("R", "x")]},
        {"tags": [("nonce", "1")]},
        {"tags": [("ring-members",)]},
        {"tags": [()]},
        {"author": PrivateKey(SECRETS[3])},
        {"scheme": Scheme.BLSAG, "scope": None},
        {"scheme": Scheme.BLSAG, "scope": ""},
        {"scheme": Scheme.BLSAG, "scope": "ü" * 65},
        {"scheme": Scheme.BLSAG, "scope": "NostringerHp"},
    ],
)
def test_the_signer_refuses_to_make_a_note_that_a_relay_would_refuse(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"scope|tag|own key"):
        make(**changes)


@pytest.mark.parametrize("ring", [KEYS[:1], [KEYS[0], KEYS[0]], [KEYS[0], KEYS[1][:31]], []])
def test_the_signer_refuses_a_ring_of_one_duplicates_and_other_lengths(ring: list[bytes]) -> None:
    with pytest.raises(ValueError, match="two or more distinct keys"):
        make_bound_note(Draft(ring=ring, secret=SECRETS[0], content="", created_at=0))


@pytest.mark.parametrize(
    "changed",
    [
        msgspec.structs.replace(SAG, content="other words"),
        msgspec.structs.replace(SAG, created_at=SAG.created_at + 1),
        msgspec.structs.replace(SAG, kind=7),
        msgspec.structs.replace(SAG, pubkey=make().pubkey),
        insert(SAG, "e", "ab" * 32),
        put(SAG, "t", "y"),
        remove(SAG, "t"),
        remove(SAG, "R"),
        put(SAG, "ringsig", next(tag[1] for tag in make().tags if tag[0] == "ringsig")),
    ],
    ids=["content", "time", "kind", "pubkey", "a tag more", "a tag changed", "a tag less", "no R", "another ringsig"],
)
def test_the_ring_signs_the_whole_event_but_its_own_tag_and_the_nonce(changed: Event) -> None:
    with pytest.raises(Rejected, match="does not verify"):
        proof.verify_claim(find(changed))


def test_changing_the_nonce_changes_the_id_and_not_the_signed_id() -> None:
    assert find(insert(SAG, "nonce", "1", "0", at=len(SAG.tags))).signed_id == find(SAG).signed_id
    assert find(insert(SAG, "nonce", "1", "0")).signed_id == find(SAG).signed_id
    assert proof.verify_claim(find(put(MINED, "nonce", "99", "0"))).dialect is Dialect.CANONICAL


def test_a_bound_note_in_the_typescript_dialect_does_not_verify() -> None:
    members = [lift_x(key) for key in KEYS]
    text = encode_ring_a(sign_sag(find(SAG).candidates[0].text.encode(), members, SECRETS[0], Dialect.TYPESCRIPT))
    with pytest.raises(Rejected, match="does not verify"):
        proof.verify_claim(find(put(SAG, "ringsig", text)))


def test_a_member_off_the_curve_is_refused_by_name_when_checked() -> None:
    ring = sorted((*HEX, OFF_CURVE))
    signature = find(SAG).signature
    text = encode_ring_a(replace(signature, responses=(*signature.responses, signature.c0)))
    changed = put(put(remove(SAG, "R"), "ring", *ring), "ringsig", text)
    with pytest.raises(Rejected, match="not a point on the curve"):
        proof.verify_claim(find(changed))


NO_RING = "exactly one ring tag"
RINGSIG = "exactly one ringsig tag"
NOT_LAST = "the last before a nonce"
TEXT = next(tag[1] for tag in SAG.tags if tag[0] == "ringsig")
UNSCOPED = encode_ring_a(sign_blsag(b"", [lift_x(key) for key in KEYS], SECRETS[0], None))
FLAGGED = encode_ring_a(sign_blsag(b"", [lift_x(key) for key in KEYS], SECRETS[0], "other"))
REFUSED = {
    "no ring": (remove(SAG, "ring"), NO_RING),
    "two rings": (insert(SAG, "ring", *HEX), NO_RING),
    "two rings, one of them empty": (insert(SAG, "ring"), NO_RING),
    "an empty ring": (put(SAG, "ring"), "at least two members"),
    "a ring of one": (put(SAG, "ring", HEX[0]), "at least two members"),
    "upper case": (put(SAG, "ring", *(key.upper() for key in HEX)), "lower-case hex"),
    "0x": (put(SAG, "ring", "0x" + HEX[0][2:], *HEX[1:]), "lower-case hex"),
    "66 hex": (put(SAG, "ring", *("02" + key for key in HEX)), "lower-case hex"),
    "lengths that add up": (put(SAG, "ring", HEX[0] + "0", HEX[1][:-1]), "lower-case hex"),
    "a newline": (put(SAG, "ring", *HEX[:-1], HEX[-1][:-1] + "\n"), "lower-case hex"),
    "other digits": (put(SAG, "ring", *HEX[:-1], "٢" * 64), "lower-case hex"),
    "an npub": (put(SAG, "ring", *HEX[:-1], "npub1" + "q" * 58), "lower-case hex"),
    "descending": (put(SAG, "ring", *HEX[::-1]), "strictly ascending"),
    "two swapped": (put(SAG, "ring", HEX[0], HEX[2], HEX[1], *HEX[3:]), "strictly ascending"),
    "a key twice": (put(SAG, "ring", HEX[0], *HEX), "strictly ascending"),
    "the author": (put(SAG, "ring", *sorted((*HEX[1:], SAG.pubkey))), "own pubkey is a member"),
    "a member less": (put(SAG, "ring", *HEX[1:]), "longer than its ring|one response per ring member"),
    "a member more": (put(SAG, "ring", *sorted((*HEX, OFF_CURVE))), "one response per ring member"),
    "no ringsig": (remove(SAG, "ringsig"), RINGSIG),
    "two ringsigs": (insert(SAG, "ringsig", TEXT), RINGSIG),
    "a bare ringsig": (put(SAG, "ringsig"), RINGSIG),
    "a third element": (put(SAG, "ringsig", TEXT, ""), RINGSIG),
    "an empty ringsig": (put(SAG, "ringsig", ""), "begin with ringA"),
    "JSON as ringsig": (put(SAG, "ringsig", '{"c0":"","s":[]}'), "begin with ringA"),
    "a tag behind the ringsig": (insert(SAG, "t", "y", at=9), NOT_LAST),
    "a tag between ringsig and nonce": (insert(MINED, "t", "y", at=len(MINED.tags) - 1), NOT_LAST),
    "a tag behind the nonce": (insert(MINED, "t", "y", at=9), NOT_LAST),
    "two nonces": (insert(MINED, "nonce", "1", "2"), "at most one nonce"),
    "a bare nonce": (put(MINED, "nonce"), "a decimal number and its target only"),
    "words in the nonce": (put(MINED, "nonce", "1", "4", "words"), "a decimal number and its target only"),
    "words as the nonce": (put(MINED, "nonce", "words the ring did not sign"), "a decimal number and its target only"),
    "a long nonce": (put(MINED, "nonce", "1" * 40), "a decimal number and its target only"),
    "a scope on a sag": (insert(SAG, "scope", "x"), "belongs to a linkable"),
    "no scope": (remove(BLSAG, "scope"), "exactly one scope tag"),
    "two scopes": (insert(BLSAG, "scope", SCOPE), "exactly one scope tag"),
    "a bare scope": (put(BLSAG, "scope"), "exactly one scope tag"),
    "a scope of three elements": (put(BLSAG, "scope", SCOPE, ""), "exactly one scope tag"),
    "an empty scope": (put(BLSAG, "scope", ""), "exactly one scope tag"),
    "a long scope": (put(BLSAG, "scope", "ü" * 65), "exactly one scope tag"),
    "another scope": (put(BLSAG, "scope", SCOPE + " "), "differs from the one"),
    "a scope without a flag": (put(BLSAG, "ringsig", UNSCOPED), "differs from the one"),
    "another flag": (put(BLSAG, "ringsig", FLAGGED), "differs from the one"),
    "a wrong R": (put(SAG, "R", "00" * 32), "R tag is not"),
    "R in upper case": (put(SAG, "R", to_ring_id(KEYS).upper()), "R tag is not"),
    "R with a third element": (put(SAG, "R", to_ring_id(KEYS), ""), "R tag is not"),
    "a bare R": (put(SAG, "R"), "R tag is not"),
    "two Rs": (insert(SAG, "R", to_ring_id(KEYS)), "R tag is not"),
    "J on a sag": (insert(SAG, "J", "02" * 33), "J tag belongs"),
    "a wrong J": (put(BLSAG, "J", "02" * 33), "J tag is not"),
    "J with a third element": (put(BLSAG, "J", find(BLSAG).key_image or "", ""), "J tag is not"),
    "a bare J": (put(BLSAG, "J"), "J tag is not"),
    "two Js": (insert(BLSAG, "J", find(BLSAG).key_image or ""), "J tag is not"),
    "ring-members too": (insert(SAG, "ring-members", *HEX), "tags of two forms"),
    "ring-signature too": (insert(SAG, "ring-signature", TEXT), "tags of two forms"),
    "ring and ring-signature": (plain("", ("ring", *HEX), ("ring-signature", TEXT)), "tags of two forms"),
}


@pytest.mark.parametrize(("event", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_malformed_bound_note_is_refused(event: Event, reason: str) -> None:
    refuse(event, reason)


def test_r_and_j_may_be_left_out() -> None:
    for name in ("R", "J"):
        assert find(remove(BLSAG, name)).key_image == find(BLSAG).key_image


def test_a_ring_that_no_signature_can_count_is_refused_before_its_keys_are_read() -> None:
    refuse(put(SAG, "ring", *["nonsense"] * 65_536), "more than 65535 members")


def test_a_rotated_linkable_signature_is_no_second_note() -> None:
    # Rotating turns the ring too, and a ring that is not ascending is refused; as is the old ring with new numbers.
    refuse(put(BLSAG, "ring", *HEX[1:], HEX[0]), "strictly ascending")


def test_refusals_never_repeat_what_was_sent() -> None:
    for event, _ in REFUSED.values():
        with pytest.raises(Rejected) as caught:
            proof.detect_claim(event)
        assert not any(
            len(value) > 5 and value in caught.value.reason for tag in event.tags for value in tag if value != tag[0]
        )


SIGNATURE = {"c0": "ab" * 32, "s": ["cd" * 32, "ef" * 32]}
NOSTRINGER = {"message": "words", "ring_members": list(HEX), "ring_signature": TEXT}
OTHER_FORMS = {
    "nip97 members": (plain("words", ("ring-members", *HEX)), Form.NIP97),
    "nip97 signature": (plain("words", ("ring-signature", TEXT)), Form.NIP97),
    "nip97 with a text that holds a signature": (plain(TEXT, ("ring-signature", TEXT)), Form.NIP97),
    "nostringer": (plain(json.dumps(NOSTRINGER)), Form.NOSTRINGER),
    "nostringer behind white space": (plain("\n  " + json.dumps(NOSTRINGER, indent=1)), Form.NOSTRINGER),
    "nostringer with an escaped key": (plain('{"ring\\u005fsignature":1}'), Form.NOSTRINGER),
    "nostringer twice": (plain('{"ring_signature":1,"ring_signature":2}'), Form.NOSTRINGER),
    "text with ringA": (plain(f"words\n\nRing: ...\n{TEXT}"), Form.TEXT),
    "text with JSON": (plain("words " + json.dumps(SIGNATURE)), Form.TEXT),
    "text with laid out JSON": (plain("words " + json.dumps(SIGNATURE, indent=4)), Form.TEXT),
    "JSON that is a signature only": (plain(json.dumps(SIGNATURE)), Form.TEXT),
}


@pytest.mark.parametrize(("event", "form"), OTHER_FORMS.values(), ids=OTHER_FORMS)
def test_another_form_is_recognised_by_its_marks(event: Event, form: Form) -> None:
    assert proof.find_form(event) is form


@pytest.mark.parametrize(
    "content",
    [
        "",
        "words",
        "{",
        "{not json",
        '{"message": "words"}',
        '["ring_signature"]',
        '{"x": {"ring_signature": 1}}',
        "ringA",
        "ringA is what Nostringer writes",
        "what of ringA" + "a" * 20,
        '"c0" and "s" are words',
        json.dumps({"c0": "ab" * 32}),
        "[" * 50_000,
        '{"a":' * 50_000,
    ],
)
def test_a_note_without_marks_is_a_plain_note(content: str) -> None:
    assert proof.detect_claim(plain(content, ("t", "ring"), ("r", "ringsig"), ("Ring",))) is None


def test_a_bound_note_may_speak_of_signatures() -> None:
    for content in (TEXT, json.dumps(NOSTRINGER), json.dumps(SIGNATURE)):
        event = make(content=content)
        assert proof.verify_claim(find(event)).dialect is Dialect.CANONICAL


@pytest.mark.serial
@pytest.mark.parametrize(
    "content",
    [
        "ringA" * 20_000,
        ("ringA" + "a" * 99 + " ") * 1000,
        '"c0"' * 25_000,
        '"c0"' + " " * 100_000,
        '"c0"   :' * 12_000,
        ('"c0":"' + "a" * 63) * 1400,
        '{"a":[' * 16_000,
        "{" + " " * 100_000,
    ],
    ids=range(8),
)
def test_looking_for_marks_takes_linear_time(content: str) -> None:
    assert measure_fastest_s(lambda: proof.find_form(plain(content))) < scaled(0.1)  # about a millisecond
