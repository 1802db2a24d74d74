"""In the forms in which the ring signs the words only, tags may repeat what stands in the words, and nothing else."""

import json
from collections.abc import Callable

import pytest

from relay.client.signing.ring_sign import sign_sag
from relay.protocol.event import Event, Tag
from relay.protocol.nip19 import encode_npub, start_nprofile
from relay.protocol.refusal import Prefix, Rejected
from relay.verify import proof
from relay.verify.encoding import encode_ring_a
from relay.verify.repeated_tags import MAX_ELEMENTS
from relay.verify.ring_equations import lift_x
from tests.support.cpu_time import measure_fastest_s
from tests.support.events import KEYS, make_event, make_ring, pubkey_of
from tests.support.time_factor import scaled

RING = make_ring(4)
ALICE, BOB, CAROL, DAVE = (pubkey_of(key) for key in KEYS[10:14])
LINK = "https://example.org/picture.jpg"
PROFILE = start_nprofile(bytes.fromhex(CAROL)) + "sd28k0x"
WORDS = (
    f"Ask {ALICE}, nostr:{encode_npub(bytes.fromhex(BOB))} or nostr:{PROFILE} about the #Budget, #öl_2 and {LINK} "
    f"on wss://relay.example.org #end"
)
DIGEST = "ab" * 32


def sign(words: str) -> str:
    return encode_ring_a(sign_sag(words.encode(), [lift_x(key) for key in RING], KEYS[1].secret))


def nip97(words: str, *tags: Tag) -> Event:
    ring = ("ring-members", *(key.hex() for key in RING))
    return make_event(content=words, tags=(ring, *tags, ("ring-signature", sign(words))))


def nostringer(words: str, *tags: Tag) -> Event:
    parts = {"message": words, "ring_members": [key.hex() for key in RING], "ring_signature": sign(words)}
    return make_event(content=json.dumps(parts), tags=tags)


def text(words: str, *tags: Tag) -> Event:
    npubs = "\n".join(map(encode_npub, RING))
    return make_event(content=f"{words}\n\nRing:\n{npubs}\n{sign(words)}", tags=tags)


FORMS = {"nip97": nip97, "nostringer": nostringer, "text": text}
Make = Callable[..., Event]


def verify(event: Event) -> str:
    claim = proof.detect_claim(event)
    assert claim is not None
    return proof.verify_claim(claim).signed_text


def explain(event: Event) -> str:
    """Return why a note is refused by what it claims, before any curve operation."""
    with pytest.raises(Rejected) as caught:
        proof.detect_claim(event)
    assert caught.value.prefix is Prefix.INVALID
    return caught.value.reason


REPEATED: dict[str, Tag] = {
    "a key in hex": ("p", ALICE),
    "a key as an npub": ("p", BOB),
    "a key as an nprofile": ("p", CAROL),
    "a key with a relay that the words name": ("p", ALICE, "wss://relay.example.org"),
    "a key with empty elements": ("p", ALICE, "", ""),
    "a hashtag": ("t", "budget"),
    "a hashtag in another case": ("t", "BUDGET"),
    "a hashtag beyond ASCII": ("t", "ÖL_2"),
    "a hashtag at the end": ("t", "end"),
    "a link": ("r", LINK),
    "a relay": ("r", "wss://relay.example.org"),
    "a picture": ("imeta", f"url {LINK}"),
    "a picture with all that may be said of it": (
        *("imeta", "dim 3024x4032", f"url {LINK}", "m image/jpeg", f"x {DIGEST}"),
    ),
    "proof of work": ("nonce", "12", "8"),
    "half of proof of work": ("nonce", "12"),
}


@pytest.mark.parametrize("make", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("tag", REPEATED.values(), ids=REPEATED)
def test_a_tag_that_repeats_the_signed_words_is_accepted(make: Make, tag: Tag) -> None:
    assert verify(make(WORDS, tag)) == WORDS


NOT_REPEATED: dict[str, Tag] = {
    "a key that is not in the words": ("p", DAVE),
    "a member of the ring": ("p", RING[0].hex()),
    "a key in upper case": ("p", ALICE.upper()),
    "an npub": ("p", encode_npub(bytes.fromhex(BOB))),
    "no key": ("p",),
    "a key with a relay of its own": ("p", ALICE, "wss://evil.example"),
    "a key with a name of its own": ("p", ALICE, "", "the minister"),
    "a word that is no hashtag": ("t", "ask"),
    "a part of a hashtag": ("t", "budge"),
    "a hashtag cut before its underscore": ("t", "öl"),
    "a hashtag with its sign": ("t", "#budget"),
    "an empty hashtag": ("t", ""),
    "no hashtag": ("t",),
    "a hashtag with another element": ("t", "budget", "lies"),
    "another link": ("r", "https://example.org/other.jpg"),
    "an empty link": ("r", ""),
    "no link": ("r",),
    "a link with a mark": ("r", LINK, "liar"),
    "a tag of many elements": ("p", ALICE, "", "", ""),
}


@pytest.mark.parametrize("make", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("tag", NOT_REPEATED.values(), ids=NOT_REPEATED)
def test_a_tag_that_says_more_than_the_words_is_refused_before_any_curve_operation(make: Make, tag: Tag) -> None:
    assert explain(make(WORDS, tag)).startswith(f"the tag {tag[0]} does not repeat the signed words")


BAD_PICTURES: dict[str, Tag] = {
    "a description": ("imeta", f"url {LINK}", "alt the minister steals"),
    "a blurhash": ("imeta", f"url {LINK}", "blurhash eVF$^OI:${M{o#*0-nNFxakD"),
    "another link": ("imeta", "url https://example.org/other.jpg"),
    "no link": ("imeta", "m image/jpeg"),
    "two links": ("imeta", f"url {LINK}", f"url {LINK}"),
    "two sizes": ("imeta", f"url {LINK}", "dim 1x1", "dim 2x2"),
    "a digest in upper case": ("imeta", f"url {LINK}", f"x {DIGEST.upper()}"),
    "a size of words": ("imeta", f"url {LINK}", "dim hugexhuge"),
    "a type of words": ("imeta", f"url {LINK}", "m all of it lies"),
    "an unknown kind of type": ("imeta", f"url {LINK}", "m lies/jpeg"),
    "an element without a value": ("imeta", f"url {LINK}", "dim"),
    "an empty link": ("imeta", "url "),
    "nothing": ("imeta",),
}


@pytest.mark.parametrize("tag", BAD_PICTURES.values(), ids=BAD_PICTURES)
def test_a_picture_keeps_its_link_and_what_describes_the_file(tag: Tag) -> None:
    assert "imeta" in explain(nip97(WORDS, tag))


@pytest.mark.parametrize("make", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(
    "name", ["subject", "content-warning", "e", "q", "a", "emoji", "P", "expiration", "R", "J", "scope", "proxy", "d"]
)
def test_another_tag_is_refused_by_its_name(make: Make, name: str) -> None:
    assert explain(make(WORDS, (name, "x"))).startswith(f"the ring did not sign the tag {name}: leave it out")


def test_the_tag_of_a_client_is_refused_with_what_to_switch_off() -> None:
    assert "your client adds it: switch that off" in explain(nip97(WORDS, ("client", "x")))


@pytest.mark.parametrize("name", ["", "the minister steals", "x" * 33, "é", "a\n", "a: b"])
def test_a_name_that_is_not_plain_is_not_repeated(name: str) -> None:
    assert explain(nip97(WORDS, (name, "x"))).startswith("the ring did not sign one of the tags: leave it out")


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ([("nonce", "the minister steals")], "a decimal number and its target only"),
        ([("nonce", "1", "8", "lies")], "a decimal number and its target only"),
        ([("nonce",)], "a decimal number and its target only"),
        ([("nonce", "1"), ("nonce", "2")], "at most one nonce"),
    ],
)
def test_a_nonce_holds_no_words(tags: list[Tag], reason: str) -> None:
    for make in FORMS.values():
        assert reason in explain(make(WORDS, *tags))


def test_there_are_so_many_tags_and_no_more() -> None:
    fitting: list[Tag] = [("t", "budget")] * (MAX_ELEMENTS // 2)
    assert verify(nip97(WORDS, *fitting, ("nonce", "1", "0"))) == WORDS
    assert f"more than {MAX_ELEMENTS} elements" in explain(nip97(WORDS, *fitting, ("t", "budget")))


@pytest.mark.parametrize(
    ("words", "tag"),
    [
        (f"x{ALICE}", ("p", ALICE)),
        (f"{ALICE}00", ("p", ALICE)),
        (f"x{encode_npub(bytes.fromhex(BOB))}", ("p", BOB)),
        (encode_npub(bytes.fromhex(BOB))[:-1] + "q", ("p", BOB)),
        (PROFILE[:60], ("p", CAROL)),
        ("#budgets", ("t", "budget")),
        ("#budget2", ("t", "budget")),
        ("#budget_", ("t", "budget")),
        ("budget", ("t", "budget")),
        ("#a#b", ("t", "a#b")),
        ("#" + "a" * 101, ("t", "a" * 101)),
    ],
)
def test_what_only_looks_like_it_is_no_repetition(words: str, tag: Tag) -> None:
    assert "does not repeat the signed words" in explain(nip97(words, tag))


@pytest.mark.parametrize("behind", ["", ".", "-", "é", "!", "\n", " "])
def test_a_hashtag_ends_before_anything_but_a_letter_a_digit_or_an_underscore(behind: str) -> None:
    words = f"the #budget{behind}"
    assert verify(nip97(words, ("t", "budget"))) == words


def test_the_words_are_those_that_the_ring_signed_not_those_around_them() -> None:
    # The label is a part of one candidate, and not of the one that verifies.
    words = "the minister knew"
    note = text(words)
    labelled = make_event(content=f"Message: {note.content}", tags=(("r", "Message: the"),))
    claim = proof.detect_claim(labelled)
    assert claim is not None
    with pytest.raises(Rejected, match="the tag r does not repeat the signed words"):
        proof.verify_claim(claim)
    assert verify(make_event(content=f"Message: {note.content}", tags=(("r", "the minister"),))) == words


HOSTILE: dict[str, tuple[str, list[Tag]]] = {
    "links": ("a" * 90_000, [("r", "a" * (20 + place) + "b") for place in range(32)]),
    "elements": ("a" * 90_000, [("r", "a", "a" * 40, "a" * 60)] * 15 + [("r", "a" * 40 + "b")]),
    "hashtags": ("#" + "ab" * 45_000, [("t", "ab" * (place + 1)) for place in range(32)]),
    "short hashtags": ("#aa" * 30_000, [("t", "a")] * 32),
    "hashtags of one beginning": (("#" + "a" * 33) * 2700, [("t", "a" * (place + 1)) for place in range(32)]),
    "keys": (f"{ALICE} x " * 1300, [("p", pubkey_of(key)) for key in KEYS[20:52]]),
    "npubs": (f"{encode_npub(bytes.fromhex(BOB))} x " * 1300, [("p", pubkey_of(key)) for key in KEYS[20:52]]),
    "nprofiles": (f"{PROFILE} x " * 1300, [("p", pubkey_of(key)) for key in KEYS[20:52]]),
    "pictures": ("a" * 90_000, [("imeta", f"url {'a' * (20 + place)}b") for place in range(32)]),
}


@pytest.mark.serial
@pytest.mark.parametrize(("words", "tags"), HOSTILE.values(), ids=HOSTILE)
def test_reading_hostile_tags_is_quick(words: str, tags: list[Tag]) -> None:
    note = text(f" {words}", *tags)

    def read() -> None:
        with pytest.raises(Rejected):
            proof.detect_claim(note, 128)

    # A few milliseconds each; the bound leaves room for slow machines, not for a search a tag and occurrence.
    assert measure_fastest_s(read) < scaled(0.1)
