"""The forms in which the ring signs the words only: what is read, what is refused, and what the ring is said to have signed."""

import contextlib
import json

import msgspec
import pytest
from bech32 import bech32_encode, convertbits
from coincurve import PrivateKey

from relay.client.signing.ring_sign import sign_blsag, sign_sag
from relay.protocol.event import Event, Tag
from relay.protocol.nip19 import encode_npub
from relay.protocol.refusal import Prefix, Rejected
from relay.protocol.ring_terms import Form, Scheme
from relay.verify import proof
from relay.verify.claim import RingProof
from relay.verify.encoding import RingSignature, encode_ring_a
from relay.verify.ring_equations import Dialect, lift_x, parse_member, to_ring_id
from tests.support.cpu_time import measure_fastest_s
from tests.support.events import make_event
from tests.support.rotation import rotate
from tests.support.time_factor import scaled

SECRETS = [PrivateKey(bytes(31) + bytes([number])).secret for number in range(1, 6)]
KEYS = tuple(PrivateKey(secret).public_key.format()[1:] for secret in SECRETS)
HEX = [key.hex() for key in KEYS]
NPUBS = [encode_npub(key) for key in KEYS]
WORDS = "the minister knew"


def sign(message: str = WORDS, dialect: Dialect = Dialect.CANONICAL, keys: tuple[bytes, ...] = KEYS) -> RingSignature:
    return sign_sag(message.encode(), [lift_x(key) for key in keys], SECRETS[1], dialect)


def sign_linkable(message: str = WORDS, flag: str | None = "elections", dialect: Dialect = Dialect.CANONICAL) -> str:
    return encode_ring_a(sign_blsag(message.encode(), [lift_x(key) for key in KEYS], SECRETS[1], flag, dialect))


def to_json(signature: RingSignature, indent: int | None = None) -> str:
    return json.dumps({"c0": signature.c0.hex(), "s": [one.hex() for one in signature.responses]}, indent=indent)


COMPACT = encode_ring_a(sign())
JSON = to_json(sign())


def note(content: str = WORDS, *tags: Tag, kind: int = 1) -> Event:
    return make_event(content=content, tags=tags, kind=kind)


def nip97(signature: str = COMPACT, message: str = WORDS, members: list[str] = HEX) -> Event:
    return note(message, ("ring-members", *members), ("ring-signature", signature))


def nostringer(**changes: object) -> Event:
    return note(json.dumps({"message": WORDS, "ring_members": HEX, "ring_signature": COMPACT} | changes))


def text(message: str = WORDS, members: str = "\n".join(NPUBS), signature: str = COMPACT) -> Event:
    return note(f"{message}\n\nRing:\n{members}\n\n{signature}")


def encode_long_nprofile(number: int) -> str:
    """Return an nprofile of 211 characters."""
    key = PrivateKey(number.to_bytes(32, "big")).public_key.format()[1:]
    values = convertbits(bytes([0, 32]) + key + (bytes([1, 20]) + b"wss://relay.example/") * 4, 8, 5)
    assert values is not None
    return str(bech32_encode("nprofile", values))


def prove(event: Event) -> RingProof:
    claim = proof.detect_claim(event)
    assert claim is not None
    return proof.verify_claim(claim)


def refuse(event: Event, reason: str, prefix: Prefix = Prefix.INVALID) -> None:
    with pytest.raises(Rejected, match=reason) as caught:
        prove(event)
    assert caught.value.prefix is prefix


@pytest.mark.parametrize("event", [nip97(), nip97(JSON), nostringer(), nostringer(ring_members=NPUBS), text()])
def test_each_form_proves_its_words_and_nothing_else(event: Event) -> None:
    found = prove(event)
    assert (found.scheme, found.dialect, found.binding) == (Scheme.SAG, Dialect.CANONICAL, "message")
    assert (found.ring, found.ring_id) == (KEYS, to_ring_id(KEYS))
    assert (found.key_image, found.scope, found.signed_id, found.signed_text) == (None, None, None, WORDS)


def test_the_form_is_told() -> None:
    assert [prove(event).form for event in (nip97(), nostringer(), text())] == [
        *(Form.NIP97, Form.NOSTRINGER, Form.TEXT),
    ]


TWO = encode_ring_a(sign(keys=KEYS[:2]))


@pytest.mark.parametrize(
    "event",
    [
        nip97(TWO, members=HEX[:2]),
        nip97(TWO, members=NPUBS[:2]),
        nostringer(ring_members=NPUBS[:2], ring_signature=TWO),
        text(members=f"{NPUBS[0]} or {NPUBS[1]}", signature=TWO),
    ],
)
def test_two_people_are_a_ring_in_each_form(event: Event) -> None:
    found = prove(event)
    assert (found.ring, found.dialect, found.signed_text) == (KEYS[:2], Dialect.CANONICAL, WORDS)


def test_members_of_66_digits_are_the_points_that_they_write() -> None:
    secrets = [PrivateKey(bytes(31) + bytes([number])).secret for number in (6, 1, 2)]
    points = [PrivateKey(secret).public_key.format() for secret in secrets]
    assert [point[0] for point in points] == [3, 2, 2]
    members = [point.hex() for point in points]
    for secret in secrets:
        signature = encode_ring_a(sign_sag(WORDS.encode(), [parse_member(key) for key in members], secret))
        for event in (nip97(signature, members=members), text(members=" ".join(members), signature=signature)):
            found = prove(event)
            assert (found.ring, found.dialect) == (tuple(point[1:] for point in points), Dialect.CANONICAL)
            assert found.odd == {points[0][1:]}


def test_a_member_that_begins_with_03_is_not_for_linkable_signatures() -> None:
    refuse(nip97(sign_linkable(), members=["03" + HEX[0], *HEX[1:]]), "begins with 03 is not for linkable signatures")
    assert prove(nip97(sign_linkable(), members=["02" + key for key in HEX])).key_image is not None


MAKERS = {
    "nip97": nip97,
    "nostringer": lambda signature: nostringer(ring_signature=signature),
    "text": lambda signature: text(signature=signature),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_every_dialect_is_found(make: object) -> None:
    assert callable(make)
    assert prove(make(encode_ring_a(sign(dialect=Dialect.TYPESCRIPT)))).dialect is Dialect.TYPESCRIPT
    linkable = prove(make(sign_linkable()))
    assert (linkable.scheme, linkable.scope) == (Scheme.BLSAG, "elections")
    assert linkable.key_image is not None
    release = prove(make(sign_linkable(flag=None, dialect=Dialect.RELEASE)))
    assert (release.dialect, release.scope) == (Dialect.RELEASE, None)


def test_nostringers_own_flag_is_no_scope() -> None:
    assert prove(nip97(sign_linkable(flag="NostringerHp"))).scope is None


POSTED = {
    "npubs, one a line": text(),
    "hex, with commas": text(members=", ".join(HEX)),
    "hex, with commas and no spaces": text(members=",".join(HEX)),
    "a list with dashes": text(members="\n".join(f"- {key}" for key in NPUBS)),
    "a numbered list": text(members="\n".join(f"{place}. {key}" for place, key in enumerate(NPUBS, start=1))),
    "a JSON list": text(members=json.dumps(HEX, indent=2)),
    "links to profiles": text(members=" ".join(f"nostr:{key}" for key in NPUBS)),
    "JSON": text(signature=JSON),
    "JSON over several lines": text(signature=to_json(sign(), indent=2)),
    "JSON in a fence": text(signature=f"Signature:\n```json\n{to_json(sign(), indent=2)}\n```"),
    "quoted": text(signature=f'"{COMPACT}"'),
    "labels": note(f"Message: {WORDS}\n\n**Ring members:**\n{' '.join(NPUBS)}\n\nRing signature:\n{COMPACT}\n"),
    "the message in a fence": note(f"Message:\n```\n{WORDS}\n```\nRing:\n{','.join(HEX)}\n{COMPACT}"),
    "all in one line": note(f"{WORDS} {' '.join(HEX)} {COMPACT}"),
    "the signature first": note(f"{COMPACT}\n\nRing: \n{' '.join(NPUBS)}\n\nMessage: {WORDS}"),
    "the signature in the middle": note(f"{WORDS}\n\n{COMPACT}\n\n{' '.join(NPUBS)}"),
    "line ends of Windows": note(f"{WORDS}\r\n\r\nRing:\r\n{chr(10).join(NPUBS)}\r\n\r\n{COMPACT}\r\n"),
}


@pytest.mark.parametrize("event", POSTED.values(), ids=POSTED)
def test_a_note_is_read_as_people_post_it(event: Event) -> None:
    found = prove(event)
    assert (found.form, found.ring, found.signed_text) == (Form.TEXT, KEYS, WORDS)


@pytest.mark.parametrize("message", [WORDS + "\n", WORDS + "\n\n", "\n" + WORDS + " ", "Ring: " + WORDS + " "])
def test_white_space_and_words_that_were_signed_are_kept(message: str) -> None:
    event = note(f"{message}{' '.join(HEX)} {encode_ring_a(sign(message))}")
    assert prove(event).signed_text == message


def test_a_message_may_name_keys_outside_the_ring() -> None:
    message = f"ask {NPUBS[3]}, and {HEX[4]}"
    assert prove(text(message, signature=encode_ring_a(sign(message)))).signed_text == message


OUTSIDE = "text outside the signed message"
WRAPPED = {
    "words before a labelled message": note(f"He lies.\nMessage: {WORDS}\nRing:\n{' '.join(HEX)}\n{COMPACT}"),
    "words behind the signature": note(f"{WORDS}\n\n{' '.join(HEX)}\n{COMPACT}\nand so do I"),
    "words between ring and signature": note(f"{WORDS}\n\n{' '.join(HEX)}\nand so do I\n{COMPACT}"),
    "words behind a label": note(f"{WORDS}\n\n{' '.join(HEX)}\nSignature: not mine\n{COMPACT}"),
    "words around a fence": note(f"He lies.\nMessage:\n```\n{WORDS}\n```\nRing:\n{' '.join(HEX)}\n{COMPACT}"),
    "a key outside the ring": note(f"{WORDS}\n\n{' '.join(HEX)}\n{COMPACT}\n{NPUBS[0]}"),
}


@pytest.mark.parametrize("event", WRAPPED.values(), ids=WRAPPED)
def test_words_that_the_ring_did_not_sign_are_not_served_in_its_name(event: Event) -> None:
    refuse(event, f"{OUTSIDE}|does not verify")


def test_words_before_the_message_are_named_as_the_fault() -> None:
    refuse(WRAPPED["words before a labelled message"], OUTSIDE)


ENVELOPE = "is for kind 1 only"
THREE_BY_NAME = nostringer(
    ring_members=dict(zip(["message", "ring_members", "ring_signature"], HEX[:3], strict=True)),
    ring_signature=encode_ring_a(sign(keys=KEYS[:3])),
)
REFUSED = {
    "another kind": (note(WORDS, ("ring-members", *HEX), ("ring-signature", COMPACT), kind=30023), ENVELOPE),
    "a text of another kind": (note(text().content, kind=7), ENVELOPE),
    "an R tag": (note(text().content, ("R", to_ring_id(KEYS))), "did not sign the tag"),
    "a J tag": (note(text().content, ("J", "02" * 33)), "did not sign the tag"),
    "a scope tag": (note(text().content, ("scope", "x")), "did not sign the tag"),
    "an expiration": (note(text().content, ("expiration", "9999999999")), "did not sign the tag"),
    "no members": (note(WORDS, ("ring-signature", COMPACT)), "exactly one ring-members tag"),
    "no signature": (note(WORDS, ("ring-members", *HEX)), "exactly one ring-members tag"),
    "members twice": (note(WORDS, *(("ring-members", *HEX),) * 2, ("ring-signature", COMPACT)), "exactly one"),
    "a signature of two texts": (note(WORDS, ("ring-members", *HEX), ("ring-signature", COMPACT, "")), "two elements"),
    "a ring of one": (nip97(members=HEX[:1]), "at least two members"),
    "the words and signature of five, two of them": (nip97(members=HEX[:2]), "one response per ring member"),
    "two keys in the TypeScript dialect": (
        nip97(encode_ring_a(sign(dialect=Dialect.TYPESCRIPT, keys=KEYS[:2])), members=HEX[:2]),
        "in the canonical dialect, which alone is for two",
    ),
    "an npub with a mistake in a tag": (nip97(members=[NPUBS[0][:-1] + "q", *NPUBS[1:]]), "not a public key"),
    "a key twice": (nip97(members=[*HEX[:4], HEX[0]]), "listed twice"),
    "a key as npub and as hex": (nostringer(ring_members=[*HEX[:4], NPUBS[0]]), "listed twice"),
    "upper case": (nip97(members=[key.upper() for key in HEX]), "64 lower-case hex"),
    "an empty message": (nip97(message=""), "empty or begins"),
    "a bound note's text": (nip97(message="nostr-ring-note:v1:" + "00" * 32), "empty or begins"),
    "other words": (nip97(message="other words"), "does not verify"),
    "the ring in another order": (nip97(members=HEX[::-1]), "does not verify"),
    "JSON with other words": (nip97(to_json(sign("other words"))), "does not verify"),
    "JSON with an escaped name": (nip97(JSON.replace("c0", "c\\u0030")), 'JSON object of "c0"'),
    "JSON with a name twice": (nip97(JSON.replace("{", '{"c0":"' + "11" * 32 + '",', 1)), 'JSON object of "c0"'),
    "a signature as an object": (nostringer(ring_signature=json.loads(JSON)), "must be a JSON object of message"),
    "a signature as JSON": (nostringer(ring_signature=JSON), "begin with ringA|longer than"),
    "one more member": (nostringer(extra=1), "must be a JSON object of message"),
    "a member less": (note(json.dumps({"ring_signature": COMPACT})), "must be a JSON object of message"),
    "a message twice": (
        note(nostringer().content.replace("{", '{"message": "other words", ', 1)),
        "must be a JSON object of message",
    ),
    "a message that is no text": (nostringer(message=1), "must be a JSON object of message"),
    "half a surrogate pair": (
        note(nostringer().content.replace(WORDS, "\\ud800")),
        "JSON with a ring_signature must be the whole note",
    ),
    "members that are no list": (nostringer(ring_members=" ".join(HEX)), "must be a JSON object of message"),
    # By its names an object could pass for the whole.
    "members as an object": (THREE_BY_NAME, "must be a JSON object of message"),
    "a wrong npub": (nostringer(ring_members=[NPUBS[0][:-1] + "q", *NPUBS[1:]]), "not a public key"),
    "two signatures": (note(text().content + "\n" + COMPACT), "more than one ring signature.*found: 2 signatures"),
    "a signature in two encodings": (note(text().content + "\n" + JSON), "more than one ring signature"),
    "half a JSON signature": (text(signature=JSON[:-1]), "the JSON signature in the text is not whole"),
    "no ring": (note(f"{WORDS}\n{COMPACT}"), "must list its ring once"),
    "one list of two rings, joined by or": (
        note(f"{WORDS}\n{' '.join(HEX)}\nor\n{' '.join(NPUBS)}\n{COMPACT}"),
        "more keys than the signature has members.*found: 10 keys for 5 members",
    ),
    "two rings of a size": (
        note(f"{WORDS}\n{' '.join(HEX)}\nnot by these\n{' '.join(NPUBS)}\n{COMPACT}"),
        "several lists of keys that could be its ring.*5 keys from .* on, 5 keys from",
    ),
    "a list with figures in it": (
        text(members="\n".join(f"{7 * place}. {key}" for place, key in enumerate(HEX))),
        "1, 2",
    ),
    "a text without words": (
        note(f"Message:\n\nRing:\n{' '.join(HEX)}\n{COMPACT}"),
        "does not say which words were signed",
    ),
    "a text with too many lines": (text("\n" * 2500), "at most 2500 lines"),
}


@pytest.mark.parametrize(("event", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_in_one_way_is_refused(event: Event, reason: str) -> None:
    refuse(event, reason)


def test_a_ring_above_the_cap_is_refused_before_its_keys_are_read() -> None:
    for event in (nip97(), nostringer(ring_members=["npub1" + "q" * 58] * 5), text()):
        with pytest.raises(Rejected, match="at most 4 members") as caught:
            proof.detect_claim(event, 4)
        assert caught.value.prefix is Prefix.BLOCKED


def test_a_rotated_linkable_signature_says_the_same_of_the_same_member() -> None:
    signature = sign_blsag(WORDS.encode(), [lift_x(key) for key in KEYS], SECRETS[1], None)
    # Nobody's secret is needed: the challenge that follows the first link becomes the first.
    rotated = rotate(WORDS.encode(), KEYS, signature)
    first, second = (
        prove(nip97(encode_ring_a(signature))),
        prove(nip97(encode_ring_a(rotated), members=HEX[1:] + HEX[:1])),
    )
    assert first.signature != second.signature
    assert first.content_key == second.content_key


def test_the_content_key_is_of_words_ring_and_key_image_and_of_nothing_else() -> None:
    keys = [
        prove(event).content_key
        for event in (nip97(), text(), nostringer(), nip97(encode_ring_a(sign(dialect=Dialect.TYPESCRIPT))))
    ]
    assert len(set(keys)) == 1
    others = [nip97(sign_linkable()), nip97(encode_ring_a(sign("x")), message="x")]
    others.append(nip97(encode_ring_a(sign(keys=KEYS[:4])), members=HEX[:4]))
    assert len({*keys, *(prove(event).content_key for event in others)}) == 4


def test_a_claim_costs_its_candidates_times_its_dialects() -> None:
    assert [claim.links for event in (nip97(), nip97(sign_linkable())) if (claim := proof.detect_claim(event))] == [
        10,
        15,
    ]
    claim = proof.detect_claim(note(f" {WORDS}\nRing:\n{' '.join(HEX)} {COMPACT}"))
    assert claim is not None
    assert (len(claim.candidates), claim.links) == (3, 30)


# 128 of them, with as many relays as there is room for.
NPROFILES = [encode_long_nprofile(number) for number in range(1, 129)]
LONG = {
    "blank lines": "\n" * 2400,
    "labels": "Ring:\n" * 2400,
    "fences": "```\n" * 2400,
    "rules": "---\n" * 2400,
    "spaces": " " * 90_000,
    "brackets": "[ " * 45_000,
    "keys": f"{HEX[0]} x " * 1300,
    "npubs": f"{NPUBS[0]}," * 1300,
    "half keys": "ab" * 45_000,
    "marks": "- " * 45_000,
    "numbers": "1. " * 30_000,
    "braces": "{" * 90_000,
    "white space in braces": ("{" + " " * 99) * 900,
    "half a JSON signature": ('{"s":["' + "ab" * 32 + '"') * 1100,
    "responses without end": '{"s":[' + f'"{"ab" * 32}",' * 1300,
    "signatures": ("ringA" + "a" * 100 + " ") * 800,
    "a message label a line": "Message:\n" * 2400,
    "labels in capitals": "\u0421\u041e\u041e\u0411\u0429\u0415\u041d\u0418\u0415:\n" * 2400,
    "labels behind spaces": (" " * 30 + "Message  \n") * 2400,
    "nearly labels": ("**" + "a" * 36 + "\n") * 2400,
    "a label far before each list": f"Ring:{' ' * 190}\n{HEX[0]} {HEX[1]} .. " * 250,
    "rules of many signs": ("* " * 18 + "\n") * 2400,
    "a quotation": "> a\n" * 2400,
    "a deep quotation": (">" * 36 + "\n") * 2400,
    "names": "Alice Bob Carol " * 5600,
    "names and keys": f"Alice Bob {HEX[0]}, Carol\n" * 1100,
    "a name before each list": f"\n{'Abcd Ef ' * 14}{HEX[0]}\nAl: {HEX[1]}\n .. " * 300,
    "names behind keys": f"{HEX[0]} (Alice Bob) " * 1150,
    "names in brackets": "(Alice) " * 11_000,
    "links without end": "[Alice Bob](" * 7500,
    "open square brackets of names": "[Alice Bob" * 9000,
    "words of and": " and" * 22_000,
    "keys and words of and": f"{HEX[0]} and or " * 1200,
    "lists of two": f"{HEX[0]} {HEX[1]} xx yy " * 640,
    "lists and words": f"{HEX[0]} and {HEX[1]}; or " * 620,
    "white space between keys": f"{HEX[0]}{' ' * 200}x" * 350,
    "white space behind a key": f"{HEX[0]}{' ' * 20_000}" * 4,
    "tabs and a name": f"{HEX[0]}{chr(9) * 5000}Alice" * 15,
    "line ends of another kind": "\r" * 90_000,
    "no-break spaces": "\u00a0" * 45_000,
    "zero-width spaces": "\u200b" * 30_000,
    "bullets": "\u2022 " * 22_000,
    "bullets and keys": f"\u2022 {HEX[0]}\n" * 1300,
    "all brackets": "[({<" * 22_000,
    "mentions": "@" * 90_000,
    "addresses": "nostr:" * 15_000,
    "full stops": "." * 90_000,
    "colons": ": " * 45_000,
    "commas": ", " * 45_000,
    "quotes": '"' * 90_000,
    "nprofiles": "\n".join(NPROFILES),
    "shapes of nprofiles": ("nprofile1" + "q" * 247 + " ") * 350,
    "an endless nprofile": "nprofile1" + "q" * 90_000,
    "keys in upper case": ("A" * 64 + " ") * 1380,
    "keys of 130 digits": ("a" * 130 + " ") * 680,
    "broken signatures": ("ringA" + "a" * 99 + "\n") * 850,
    "secret keys": ("nsec1" + "q" * 39 + " ") * 2000,
    "words of secrets": "private key " * 7500,
}


@pytest.mark.serial
@pytest.mark.parametrize("filler", LONG.values(), ids=LONG)
def test_reading_a_hostile_text_is_quick(filler: str) -> None:
    ring = " ".join(HEX)
    for content in (
        f"{filler}{ring} {COMPACT}",
        f"{ring} {COMPACT} {filler}",
        f"Message: {filler}\nRing:\n{ring}\n{COMPACT}",
        f"{filler}\n{COMPACT}",
    ):
        event = msgspec.structs.replace(note(), content=content)

        def read(event: Event = event) -> None:
            with contextlib.suppress(Rejected):
                proof.detect_claim(event, 128)

        # A few milliseconds each; the bound leaves room for slow machines, not for quadratic time.
        assert measure_fastest_s(read) < scaled(0.1)
