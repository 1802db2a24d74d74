"""What names the signer of a note: their key in every spelling, their names, and where naming everybody says nothing."""

import pytest
from nostr_sdk import (
    Coordinate,
    EventId,
    Kind,
    Nip19Coordinate,
    Nip19Event,
    Nip19Profile,
    PublicKey,
    RelayUrl,
)

from relay.client.signing import keys
from relay.client.signing.own_mentions import check_mentions, list_names, list_places
from relay.client.signing.ring_file import Entry
from relay.client.terminal.bad_input import BadInput
from relay.protocol import nip19

RING = [
    Entry(keys.to_public_key(bytes([0] * 31 + [7])), "Ann Smith"),
    Entry(keys.to_public_key(bytes([0] * 31 + [8])), "Bob"),
    Entry(keys.to_public_key(bytes([0] * 31 + [9])), "carol@example.org"),
]
OWN = RING[0].key
NPUB = nip19.encode_npub(OWN)


def spell(key: bytes) -> dict[str, str]:
    """Return a key in each of its spellings, the longer ones as another library writes them."""
    npub, public, relay = nip19.encode_npub(key), PublicKey.parse(key.hex()), RelayUrl.parse("wss://relay.example.org")

    def write_address(name: str) -> str:
        return str(Nip19Coordinate(Coordinate(Kind(30023), public, name), [relay]).to_bech32())

    return {
        "hex": key.hex(),
        "upper hex": key.hex().upper(),
        "66 hex": f"02{key.hex()}",
        "66 hex, odd": f"03{key.hex().upper()}",
        "0x": f"0x{key.hex()}",
        "npub": npub,
        "upper npub": npub.upper(),
        "nostr uri": f"nostr:{npub}",
        "at": f"@{npub}",
        "within a word": f"x{npub}x",
        "a link": f"https://njump.me/{npub}?x",
        "a wrong checksum": npub[:-2] + "qq",
        "without a checksum": npub[:-6],
        "nprofile": Nip19Profile(public, []).to_bech32(),
        "nprofile with relays": f"nostr:{Nip19Profile(public, [relay] * 9).to_bech32()}",
        "nevent": Nip19Event(EventId.parse("ab" * 32), public, Kind(1), [relay]).to_bech32(),
        # The key stands behind a text of any length: at each of the five places within a letter.
        **{f"naddr {length}": write_address("x" * length) for length in range(6)},
    }


SPELLINGS = spell(OWN)


def refuse(message: str = "", tags: tuple[tuple[str, ...], ...] = (), scope: str | None = None, *names: str) -> str:
    """Return why words are refused; no key may be in it."""
    with pytest.raises(BadInput) as caught:
        accept(message, tags, scope, *names)
    assert OWN.hex() not in str(caught.value).lower()
    assert NPUB[5:] not in str(caught.value).lower()
    return str(caught.value)


def accept(
    message: str = "",
    tags: tuple[tuple[str, ...], ...] = (),
    scope: str | None = None,
    *names: str,
    is_forced: bool = False,
) -> None:
    check_mentions(list_places(message, tags, scope), RING, OWN, names, is_forced=is_forced)


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_the_signers_own_key_is_found_in_every_spelling_and_place(spelling: str) -> None:
    assert refuse(f"see {spelling}.").startswith("the message holds your own key: ")
    assert refuse("x", (("t", "x"), ("r", spelling))).startswith("the tag r holds your own key: ")
    assert refuse("x", (("x", "1", "2", spelling),)).startswith("the tag x holds your own key: ")
    assert refuse("x", (), spelling).startswith("the scope holds your own key: ")


@pytest.mark.parametrize("key", [RING[1].key, keys.to_public_key(b"7" * 32)], ids=["a member", "somebody else"])
def test_other_peoples_keys_are_left_alone(key: bytes) -> None:
    accept(" ".join(spell(key).values()), (("p", key.hex()),), nip19.encode_npub(key))


def test_a_key_that_shares_its_beginning_or_end_is_another_one() -> None:
    accept(f"{OWN.hex()[:-1]} {OWN.hex()[1:]} {NPUB[:40]} {NPUB[20:]}")


def test_all_that_is_found_is_named_with_what_to_do() -> None:
    said = refuse(f"I am {NPUB}", (("p", OWN.hex()), ("t", "Ann-smith"), ("subject", "by ann smith")))
    assert said.startswith(
        'the message holds your own key, and the tag p holds your own key, and the tag subject holds "Ann Smith", a name of yours: '
    )
    assert "Take it out" in said
    assert "--force" in said


@pytest.mark.parametrize(
    "words",
    ["Ann Smith", "ANN SMITH said", "— ann\nsmith", "(Ann  Smith's)", "#x @ann smith", "Ａｎｎ Smith", "ann smith"],
)
def test_the_name_that_the_ring_file_gives_is_found_in_any_case_as_whole_words(words: str) -> None:
    assert 'holds "Ann Smith", a name of yours' in refuse(words)
    assert 'the tag alt holds "Ann Smith"' in refuse("x", (("alt", words),))


@pytest.mark.parametrize("words", ["Joann Smithson", "Ann, Smith", "annsmith", "Ann", "Bob and carol"])
def test_other_words_are_no_name_of_the_signer(words: str) -> None:
    accept(words)


@pytest.mark.parametrize(
    ("comment", "names"),
    [
        ("", []),
        ("Ann", ["Ann"]),
        ("Ann  Smith", ["Ann Smith"]),
        ("Ann, of the board", ["Ann"]),
        ("Ann Smith (the office)", ["Ann Smith"]),
        ("ann@example.org", ["ann@example.org", "ann"]),
        ("_@example.org", ["_@example.org"]),
        ("Ann <a.smith@example.org>", ["Ann", "a.smith@example.org", "a.smith"]),
        # What people write beside their own key, in words that every note has.
        ("me", []),
        ("My key", []),
        ("I", []),
        ("A", []),
    ],
)
def test_a_comment_of_the_ring_file_is_read_for_names(comment: str, names: list[str]) -> None:
    assert list_names(Entry(OWN, comment)) == names


def test_names_that_the_author_gives_are_found() -> None:
    accept("signed, the fox")
    assert 'holds "The Fox", a name of yours' in refuse("signed, the fox", (), None, "The Fox")
    assert 'holds "c++"' in refuse("I wrote it in C++.", (), None, "c++")


def test_naming_everybody_alike_says_nothing_and_is_accepted() -> None:
    everybody = tuple(("p", entry.key.hex()) for entry in RING)
    accept("x", everybody)
    accept(" ".join(f"nostr:{nip19.encode_npub(entry.key)}" for entry in RING))
    accept("one of Ann Smith, Bob and carol")
    accept(f"Ann Smith, Bob or carol: {' '.join(entry.key.hex() for entry in RING)}")


def test_naming_all_but_one_or_all_in_another_place_is_refused() -> None:
    everybody = tuple(("p", entry.key.hex()) for entry in RING)
    assert "the tag p" in refuse("x", everybody[:2])
    assert "the message" in refuse(f"ask {NPUB}", everybody)
    assert "the tag P" in refuse("x", (*everybody, ("P", OWN.hex())))


def test_naming_everybody_but_the_signer_more_closely_is_refused() -> None:
    all_keys = " ".join(entry.key.hex() for entry in RING)
    assert 'the message holds "Ann Smith"' in refuse(f"{all_keys}: it was Ann Smith")
    assert "the message holds your own key" in refuse(f"Ann Smith, Bob or carol: {NPUB}")
    assert 'holds your own key and "Ann Smith", a name of yours' in refuse(f"Ann Smith, {NPUB}")


def test_a_member_without_a_name_cannot_be_named() -> None:
    ring = [*RING, Entry(keys.to_public_key(bytes([0] * 31 + [10])))]
    with pytest.raises(BadInput):
        check_mentions({"the message": "Ann Smith, Bob, carol"}, ring, OWN, (), is_forced=False)


def test_what_is_forced_is_warned_about(capsys: pytest.CaptureFixture[str]) -> None:
    accept(NPUB, is_forced=True)
    assert capsys.readouterr().err == "warning: the message holds your own key: --force signs it all the same\n"
    accept("nothing", is_forced=True)
    assert capsys.readouterr().err == ""


def test_the_name_of_a_tag_is_shown_as_one_line_and_never_whole_if_long() -> None:
    assert refuse("x", ((f"\x1b[31m\n{'t' * 99}", NPUB),)).startswith(f"the tag [31m {'t' * 27} holds")
