"""What pages show of a note, without HTML: the signed words, the ring, and tags only where they are signed."""

import json

import pytest

from relay.limits import Limits
from relay.pages.language import load_translations
from relay.pages.members import count_older, list_members, read_name
from relay.pages.moments import describe_moment
from relay.pages.note_view import NoteView, make_view
from relay.pages.proof_words import describe_proof, name_kind
from relay.pages.words import make_words, summarise
from relay.protocol.event import MAX_TIMESTAMP, Event
from relay.protocol.nip19 import encode_npub, shorten_npub
from relay.protocol.ring_terms import Form
from relay.storage.page_reader import Profile, StoredNote, StoredProof
from relay.verify import proof
from relay.verify.signed_words import Signed
from tests.support.events import KEYS, make_event, make_ring, make_ring_note, make_words_note, pubkey_of

URL = "wss://relay.example"
ENGLISH = load_translations("en")


def to_stored(event: Event, *, has_key: bool = True) -> StoredNote:
    claim = proof.detect_claim(event)
    if claim is None:
        return StoredNote(event, None)
    proved = proof.verify_claim(claim)
    key_image = None if proved.key_image is None else bytes.fromhex(proved.key_image)
    signed = Signed(proved.form, bytes.fromhex(proved.ring_id), key_image, proved.content_key if has_key else None)
    return StoredNote(event, StoredProof(signed, proved.scheme, len(proved.ring), proved.scope))


def view(event: Event) -> NoteView:
    return make_view(to_stored(event), URL)


def make_text_note(before: str) -> Event:
    """Make a note whose ring signed "words", with something before them that can be a label of theirs, or not."""
    words = make_words_note("words")
    npubs = "\n".join(map(encode_npub, make_ring(5)))
    return make_event(content=f"{before}words\n\nRing:\n{npubs}\n\nSignature:\n{words.tags[1][1]}")


def test_of_a_bound_note_the_title_and_the_note_it_answers_are_shown() -> None:
    tags = (
        ("title", "A\ttitle"),
        ("e", "ab" * 32, "", "root"),
        ("e", "cd" * 32, "", "reply"),
        ("e", "ef" * 32, "", "mention"),
    )
    shown = view(make_ring_note("words", tags=tags, scope="a scope"))
    assert shown.ring is not None
    assert (shown.title, shown.target, shown.summary) == ("A title", "cd" * 32, "A title")
    assert (shown.ring.size, shown.ring.form, shown.ring.scope) == (5, Form.BOUND, "a scope")
    assert shown.author is None


@pytest.mark.parametrize(
    ("tags", "target"),
    [
        ((("e", "ab" * 32),), "ab" * 32),
        ((("e", "ab" * 32), ("e", "cd" * 32)), "cd" * 32),
        ((("e", "ab" * 32, "", "root"), ("e", "cd" * 32)), "ab" * 32),
        ((("e", "ab" * 32, "", "mention"),), None),
        ((("e", "AB" * 32),), None),
        ((("e",), ("e", "javascript:")), None),
        ((), None),
    ],
)
def test_the_note_that_is_answered_is_the_one_of_nip_10(tags: tuple[tuple[str, ...], ...], target: str | None) -> None:
    assert view(make_event(tags=tags)).target == target


def test_a_poll_shows_what_it_offers_and_a_response_what_it_chose() -> None:
    options = (("option", "y", "Yes\u202e"), ("option", "n", "No"))
    assert view(make_ring_note(kind=1068, tags=options)).options == ("Yes", "No")
    target = "ab" * 32
    response = view(make_ring_note("", kind=1018, tags=(("e", target), ("response", "y")), scope=f"1018:{target}"))
    assert (response.options, response.is_answer) == (("y",), True)
    assert view(make_ring_note(tags=options)).options == ()


def test_only_a_reaction_that_a_key_can_give_once_is_an_answer() -> None:
    target = "ab" * 32
    tags = (("e", target),)
    assert view(make_ring_note("+", kind=7, tags=tags, scope=f"7:{target}")).is_answer
    assert not view(make_ring_note("+", kind=7, tags=tags, scope="other")).is_answer
    assert not view(make_ring_note("+", kind=7, tags=tags)).is_answer
    assert not view(make_event(kind=7, tags=tags)).is_answer


def test_of_a_message_only_note_nothing_but_its_words_is_shown() -> None:
    event = make_words_note("the words")
    tagged = make_event(content=event.content, tags=(*event.tags, ("title", "not signed"), ("e", "ab" * 32)))
    signed = to_stored(event).proof
    shown = make_view(StoredNote(tagged, signed), URL)
    assert shown.words is not None
    assert (shown.words.text, shown.title, shown.target, shown.author) == ("the words", "", None, None)
    assert shown.ring is not None
    assert not shown.ring.is_bound


def test_of_a_paid_text_the_words_are_shown_as_far_as_they_are_known_to_be_signed() -> None:
    exact, unknown = (make_view(to_stored(make_text_note("Message:\n"), has_key=key), URL) for key in (True, False))
    assert exact.words is not None
    assert unknown.words is not None
    assert exact.words.text.strip() == unknown.words.text.strip() == "words"
    assert "signed exactly the words in the box" in describe_proof(exact, ENGLISH)
    assert not unknown.is_exact
    assert "perhaps with a label or white space around them" in describe_proof(unknown, ENGLISH)


def test_where_the_signed_words_are_not_known_none_are_shown() -> None:
    stored = to_stored(make_words_note("the words"))
    assert stored.proof is not None
    other = StoredProof(stored.proof.signed._replace(content_key=bytes(32)), stored.proof.scheme, 5, None)
    shown = make_view(StoredNote(stored.event, other), URL)
    assert (shown.words, shown.summary) == (None, "")
    assert "cannot tell here which words" in describe_proof(shown, ENGLISH)


def test_every_note_says_what_is_proved_and_what_is_not() -> None:
    assert describe_proof(view(make_ring_note("x")), ENGLISH) == (
        "One of these 5 keys signed exactly the words in the box. Verified by this relay. Nobody can tell which. It does not "
        "prove that the words are true, that 5 people exist, that they know of this, or when it was written."
    )
    plain = describe_proof(view(make_event()), ENGLISH)
    assert plain.startswith("Not ring-signed: signed by the key of its author. Verified by this relay.")
    assert "ring" not in plain.removeprefix("Not ring-signed")


def test_a_kind_has_a_name_or_a_number() -> None:
    assert (name_kind(1, ENGLISH), name_kind(9_999, ENGLISH)) == ("Note", "Note of kind 9999")


@pytest.mark.parametrize(
    ("unix_s", "iso", "text"),
    [
        (0, "1970-01-01T00:00:00Z", "1970-01-01 00:00 UTC"),
        (1_700_000_000, "2023-11-14T22:13:20Z", "2023-11-14 22:13 UTC"),
        (MAX_TIMESTAMP, "9999-12-31T23:59:59Z", "9999-12-31 23:59 UTC"),
    ],
)
def test_a_time_is_in_utc_and_ends_with_the_year_9999(unix_s: int, iso: str, text: str) -> None:
    assert describe_moment(unix_s) == (iso, text)


def test_long_words_have_a_beginning() -> None:
    assert make_words("short").start is None
    assert make_words("x" * 2_001).start == "x" * 600 + " …"
    assert make_words("a\n" * 100).start == "a\n" * 11 + "a …"
    longest = make_words("x" * Limits().max_content_chars)
    assert len(longest.text) == Limits().max_content_chars


def test_words_with_a_hidden_character_say_so() -> None:
    assert make_words("a\u202eb").has_marks
    assert not make_words("a\r\nb\t").has_marks


def test_a_summary_is_one_line() -> None:
    assert summarise("  a\n\n b \u202ec ", 20) == "a b c"
    assert summarise("word " * 20, 12) == "word word w…"
    assert summarise("\n" * 1_000 + "late", 10) == ""


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ('{"name": "Alice"}', "Alice"),
        ('{"display_name": "Alice A.", "name": " "}', "Alice A."),
        ('{"name": 7, "display_name": ["x"]}', ""),
        ('{"name": "' + "x" * 100 + '"}', "x" * 39 + "…"),
        ('{"name": "a\\u0000\\u202eb"}', "a b"),
        ("[]", ""),
        ("{", ""),
        ("", ""),
        ("[" * 5_000, ""),
        ('{"name": "\\ud800"}', ""),
    ],
)
def test_the_name_of_a_profile_is_read_from_whatever_it_is(content: str, name: str) -> None:
    assert read_name(content) == name


def test_members_have_short_keys_and_the_names_that_they_claim() -> None:
    keys = make_ring(3)
    profiles = {
        keys[0]: Profile(10, json.dumps({"name": "Alice"})),
        keys[1]: Profile(20, json.dumps({"name": "\u0410lice"})),
        keys[2]: Profile(30, None),
    }
    members = list_members(keys, profiles)
    assert [(member.name, member.is_mixed) for member in members] == [
        ("Alice", False),
        ("\u0410lice", True),
        ("", False),
    ]
    assert [member.short for member in members] == [encode_npub(key)[:17] for key in keys]
    assert count_older(profiles, 20) == 1


@pytest.mark.parametrize("number", range(20))
def test_a_short_npub_is_the_beginning_of_the_whole(number: int) -> None:
    key = bytes.fromhex(pubkey_of(KEYS[number]))
    assert encode_npub(key).startswith(shorten_npub(key))
    assert len(shorten_npub(key)) == 17
