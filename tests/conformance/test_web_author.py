"""What the file that signs says of keys, rings and words, held against what the command line says of the same."""

import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from bech32 import bech32_encode, convertbits
from coincurve import PrivateKey

from relay.client.signing import keys
from relay.client.signing.encrypted_key import encrypt_key
from relay.client.signing.lint import lint_ring
from relay.client.signing.own_mentions import check_mentions
from relay.client.signing.ring_file import NEVER, Entry, read_ring
from relay.client.signing.risks import check_words
from relay.client.terminal.bad_input import BadInput
from relay.protocol import nip19
from relay.protocol.event import encode_event
from relay.protocol.ring_terms import Scheme
from tests.support.events import make_ring_note
from tests.support.time_factor import scaled
from tests.support.web_sign import Refused, WebSign, start_web_sign

SECRET = bytes.fromhex("67dea2ed018072d675f5415ecfaed7d2597555e202d85b3d65ea4e58d2d92ffa")
OWN = keys.to_public_key(SECRET)
NSEC, NPUB = nip19.encode_nsec(SECRET), nip19.encode_npub(OWN)
NPROFILE = "nprofile1qqs8ul5ug253hlh3n75jne0a5xmjur4urfxpzst88cnegg6ds6ka7nspzdmhxue69uhhyetvv9ujuetcv9khqmr955cruz"
SEED = "legal winner thank year wave sausage worth useful legal winner thank yellow"
# The vector of NIP-49, of the passphrase "nostr".
NCRYPTSEC = (
    "ncryptsec1qgg9947rlpvqu76pj5ecreduf9jxhselq2nae2kghhvd5g7dgjtcxfqtd67p9m0w57lspw8gsq6yphnm8623nsl8xn9j4jdzz84zm3frztj3z7s35vpzmqf6k"
    "su8r89qk5z2zxfmu5gv8th8wclt0h4p"
)
NCRYPTSEC_SECRET = "3501454135014541350145413501453fefb02227e449e57cf4d3a3ce05378683"
WRITTEN = (
    *("", " ", NSEC, NSEC.upper(), NSEC.title(), NSEC[:-1], NSEC + "q", NSEC[:20] + " " + NSEC[20:], NSEC[:9] + "b" + NSEC[10:]),
    *(NSEC[:-1] + "q", f"my key: {NSEC}", f'"{NSEC}"', f"\u201c{NSEC}\u201d", f"nostr:{NSEC}", f"\ufeff{NSEC}\u200b", f"@{NPUB}"),
    *(SECRET.hex(), SECRET.hex().upper(), "0x" + SECRET.hex(), SECRET.hex()[:-1], SECRET.hex() + "0", "0" * 64, "f" * 64),
    *(NPUB, NPUB.upper(), NPUB[:-1], f"nostr:{NPUB}", NPROFILE, NPROFILE.upper(), NPROFILE[:-3], "02" + OWN.hex()),
    *("note1" + NPUB[5:], "nevent1qqs", SEED, "1. " + SEED.replace(" ", " 2. "), SEED + " more", '{"key": 1}', "[1]"),
    *("-----BEGIN OPENSSH PRIVATE KEY-----", "alice", "ncryptsec1qqq", NCRYPTSEC[:-1], "\U0001f600", "02" + "f" * 64),
    *("03" + OWN.hex(), "04" + OWN.hex() * 2, "ann@example.org"),
)  # fmt: skip
RING = (
    Entry(OWN, "Ann Smith"),
    Entry(keys.to_public_key(bytes([0] * 31 + [8])), "Bob, of the board"),
    Entry(keys.to_public_key(bytes([0] * 31 + [9])), "carol@example.org"),
)


def write_address(name: str) -> str:
    """Return an naddr (NIP-19) of the author's: the key stands behind the name, at any place within a letter."""
    entries = bytes([0, len(name)]) + name.encode() + bytes([2, 32]) + OWN
    values = convertbits(entries, 8, 5)
    assert values is not None
    return str(bech32_encode("naddr", values))


WANTED: dict[str, Any] = {
    "ring": [{"key": entry.key.hex(), "name": entry.name, "seen": entry.seen} for entry in RING],
    "what": "note",
    "words": "words",
    "title": "",
    "target": "",
    "options": "",
    "form": "bound",
    "scheme": "sag",
    "scope": "",
    "isOpen": False,
    "bits": "16",
    "names": "",
    "isForced": False,
}
WORDS = (
    *("words", "ann smith was there", "Ann\n Smith", "ANN SMITH", "Anne Smithers", "Bob and carol", "Ann Smith, Bob and Carol"),
    *(NPUB, NPUB.upper(), f"x{NPUB}x", NPUB[:-6], OWN.hex().upper(), f"02{OWN.hex()}", nip19.start_nprofile(OWN) + "qqq"),
    *(nip19.encode_nevent(OWN, "wss://relay.example"), " ".join(nip19.encode_npub(entry.key) for entry in RING)),
    *(write_address("x" * length) for length in range(5)),
    *(NSEC, f"x{NSEC.upper()}0", "nsec1qqqq " + NSEC.title(), NSEC[:-1], NSEC[:-6], SECRET.hex(), "nsec1" + 54 * "q" + NSEC),
    *(NCRYPTSEC, NCRYPTSEC.upper(), "carol@example.org", "a b c", "\u017fmith", "\u0100nn"),
)  # fmt: skip


@pytest.fixture(scope="module")
def web() -> Iterator[WebSign]:
    with start_web_sign() as started:
        yield started


def answer_here(read: Callable[..., Any], *given: Any, **options: Any) -> tuple[str, Any]:
    """Return what the command line finds or refuses, in its words."""
    try:
        return "found", read(*given, **options)
    except BadInput as error:
        return "refused", str(error)


def answer_there(web: WebSign, action: str, **given: Any) -> tuple[str, Any]:
    """Return what the file finds or refuses, in its words."""
    try:
        return "found", web.ask(action, **given)
    except Refused as refused:
        return "refused", str(refused)


def parse_key(parse: Callable[[str], bytes], text: str) -> str:
    return parse(text).hex()


def mutate(rng: random.Random, text: str) -> str:
    """Return a text with a letter or two changed, left out, or put in."""
    for _ in range(rng.randint(1, 2)):
        place = rng.randrange(len(text) + 1)
        text = (
            text[:place] + rng.choice(("", "q", "b", "1", " ", "Q", "\u200b", '"')) + text[place + rng.choice((0, 1)) :]
        )
    return text


def test_a_key_is_read_or_refused_in_the_same_words(web: WebSign) -> None:
    seed = random.SystemRandom().randrange(2**32)
    rng = random.Random(seed)
    drawn = [mutate(rng, rng.choice((NSEC, NPUB, NPROFILE, SECRET.hex()))) for _ in range(300)]
    for text in (*WRITTEN, *drawn):
        for action, parse in (("secret", keys.parse_secret_key), ("public", keys.parse_public_key)):
            here = answer_here(parse_key, parse, text)
            assert answer_there(web, action, text=text) == here, f"seed {seed}: {text!r}"


@pytest.mark.parametrize("text", WRITTEN)
def test_no_refusal_repeats_what_was_given(web: WebSign, text: str) -> None:
    for action in ("secret", "public"):
        kind, said = answer_there(web, action, text=text)
        if kind == "refused":
            assert SECRET.hex()[:16] not in said.lower()
            assert NSEC[5:20] not in said.lower()
            assert "sausage" not in said


@pytest.mark.parametrize("passphrase", ["pass", "p\u00e4ss", "\u212b\u210d\uff21", ""])
def test_a_key_under_a_passphrase_is_opened_as_it_was_closed(web: WebSign, passphrase: str) -> None:
    closed = encrypt_key(SECRET, passphrase, log_n=8)
    assert web.ask("decrypt", text=f" {closed}\n", passphrase=passphrase) == SECRET.hex()
    with pytest.raises(Refused, match="the passphrase is not the one of this ncryptsec"):
        web.ask("decrypt", text=closed, passphrase=passphrase + "x")


def test_the_vector_of_nip_49_is_opened(web: WebSign) -> None:
    assert web.ask("decrypt", text=NCRYPTSEC, passphrase="nostr") == NCRYPTSEC_SECRET


@pytest.mark.parametrize(
    "text",
    [
        f"# a ring\n\n{NPUB} # Ann, first seen 2023-Q2\r\n{RING[1].key.hex()}#B, never seen\n02{RING[2].key.hex()}  # never seen\n",
        f"\ufeff{NPROFILE}  # first seen 2023-Q2\x85{NPUB} #a, b, first seen 2020-Q1\u2028{RING[1].key.hex()} # first seen 2023-Q5",
        f"{NPUB}\n\n{OWN.hex()}",
        f"{NPUB}, {NPROFILE}",
        f"{NPUB} Ann",
        NSEC,
        f"x\n{NPUB}",
        f"{NPUB}\n{SEED}",
        "",
    ],
)
def test_a_ring_file_is_read_or_refused_in_the_same_words(web: WebSign, tmp_path: Path, text: str) -> None:
    path = tmp_path / "ring.txt"
    path.write_text(text, newline="")

    kind, said = answer_here(read_ring, path)
    if kind == "refused":
        assert answer_there(web, "ring", text=text) == (kind, said.removeprefix(f"{path}, "))
    else:
        there = [{"key": entry.key.hex(), "name": entry.name, "seen": entry.seen} for entry in said]
        assert answer_there(web, "ring", text=text) == (kind, there)


@pytest.mark.parametrize("scheme", list(Scheme))
def test_what_is_weak_about_a_ring_is_said_in_the_same_words(web: WebSign, scheme: Scheme) -> None:
    rng = random.Random(13)
    for _ in range(150):
        size = rng.choice((1, 2, 3, 5, 9, 10, 12))
        seen = rng.choice(
            ((None,), (NEVER,), (NEVER, None), (NEVER, "2023-Q2"), (None, "2022-Q4", "2023-Q2"), ("2023-Q2",))
        )
        ring = [Entry(bytes([number]) * 32, seen=rng.choice(seen)) for number in range(size)]
        own = rng.choice((None, ring[0].key))
        there = web.ask(
            "lint",
            ring=[{"key": entry.key.hex(), "name": "", "seen": entry.seen} for entry in ring],
            own=own and own.hex(),
            scheme=scheme,
        )
        # The page has no options, and names the scheme.
        assert there == [said.replace("--scheme sag", "SAG") for said in lint_ring(ring, own, scheme)]


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize(("field", "where"), [("words", "the message"), ("scope", "the scope"), ("title", "the title")])
def test_words_that_name_their_author_or_hold_a_key_are_refused_alike(
    web: WebSign, words: str, field: str, where: str
) -> None:
    wanted = WANTED | {field: words, "scheme": "blsag" if field == "scope" else "sag"}
    wanted |= {"what": "article"} if field == "title" else {}
    said = web.ask("review", wanted=wanted, secret=SECRET.hex())["refusals"]
    secret = [text for text in said if re.search(r"holds an? (encrypted )?secret key", text)]
    named = [text for text in said if re.search(r'holds (your own key|"[^"]*", a name of yours)', text)]
    assert bool(secret) == (answer_here(check_words, [words], SECRET)[0] == "refused")
    kind, refusal = answer_here(check_mentions, {where: words}, RING, OWN, (), is_forced=False)
    assert bool(named) == (kind == "refused")
    for text in named:
        assert text.startswith(where)
        assert "names one member of its ring makes its readers think of that one" in refusal


def test_a_name_that_the_author_gives_is_looked_for_and_force_makes_it_a_warning(web: WebSign) -> None:
    wanted = WANTED | {"words": "as Jos\u00c9 said", "names": "jos\u00e9\nother"}
    refusals = web.ask("review", wanted=wanted, secret=SECRET.hex())["refusals"]
    assert [text for text in refusals if "a name of yours" in text] == refusals != []
    # A Greek s is another letter at the end of a word.
    greek = WANTED | {"words": "\u039d\u0399\u039a\u039f\u03a3'\u0391", "names": "\u03bd\u03b9\u03ba\u03bf\u03c2"}
    assert any("a name of yours" in text for text in web.ask("review", wanted=greek, secret=SECRET.hex())["refusals"])
    forced = web.ask("review", wanted=wanted | {"isForced": True}, secret=SECRET.hex())
    assert forced["refusals"] == []
    assert any("a name of yours" in text for text in forced["warnings"])


def test_a_name_in_a_ring_file_cannot_reorder_what_is_said_of_it(web: WebSign) -> None:
    ring = [{"key": OWN.hex(), "name": "Ann\u202e Smith\u200b", "seen": None}, *WANTED["ring"][1:]]
    wanted = WANTED | {"ring": ring, "words": "Ann\u202e Smith\u200b was there"}
    (said,) = web.ask("review", wanted=wanted, secret=SECRET.hex())["refusals"]
    assert said.startswith('the message holds "Ann  Smith", a name of yours')


@pytest.mark.parametrize("apart", ["\n", " ", "\u200b", "\u00ad", "-", ",\n> "])
@pytest.mark.parametrize("spelling", [NSEC, SECRET.hex()])
def test_a_secret_key_in_pieces_is_refused_alike(web: WebSign, spelling: str, apart: str) -> None:
    words = f"see {spelling[:20]}{apart}{spelling[20:41]}{apart}{spelling[41:]} there"
    found = web.ask("review", wanted=WANTED | {"words": words}, secret=SECRET.hex())
    assert any("the message holds a secret key" in text for text in found["refusals"])
    assert answer_here(check_words, [words], SECRET)[0] == "refused"


def test_a_secret_key_in_wide_letters_is_refused_alike(web: WebSign) -> None:
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in NSEC)
    found = web.ask("review", wanted=WANTED | {"words": wide}, secret=SECRET.hex())
    assert any("the message holds a secret key" in text for text in found["refusals"])
    assert answer_here(check_words, [wide], SECRET)[0] == "refused"


@pytest.mark.parametrize("field", ["words", "title", "target", "options", "scope", "names", "bits"])
@pytest.mark.parametrize("spelling", [NSEC, f"x{NSEC.upper()}x", SECRET.hex(), NCRYPTSEC])
def test_a_secret_key_by_mistake_in_any_field_is_refused(web: WebSign, field: str, spelling: str) -> None:
    what = {"title": "article", "target": "reaction", "options": "vote"}.get(field, "note")
    wanted = WANTED | {"what": what, "title": "a title", "scheme": "blsag", "scope": "a scope", field: spelling}
    found = web.ask("review", wanted=wanted, secret=SECRET.hex())
    assert found["plan"] is None
    assert any(re.search(r"holds an? (encrypted )?secret key", text) for text in found["refusals"])
    assert not any(spelling[5:20].lower() in text.lower() for text in found["refusals"] + found["warnings"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"words": ""}, "the message is empty"),
        ({"ring": WANTED["ring"][:1]}, "a ring needs 2 members or more, and the file holds 1"),
        ({"ring": WANTED["ring"][1:]}, "your key is not in the ring"),
        ({"ring": [*WANTED["ring"], {"key": SECRET.hex(), "name": "", "seen": None}]}, "the ring file holds your SECRET key"),
        ({"scheme": "blsag"}, "a linkable note needs a scope"),
        ({"scheme": "blsag", "scope": "\u00e9" * 65}, "the scope must be 1 to 128 bytes long"),
        ({"scheme": "blsag", "scope": "NostringerHp"}, "NostringerHp is no scope"),
        ({"bits": "33"}, "must be a number from 0 to 32"),
        ({"bits": "-1"}, "must be a number from 0 to 32"),
        ({"what": "article"}, "a long text has a title"),
        ({"what": "reaction", "target": NPUB}, "is not named: paste its nevent1..."),
        ({"what": "vote", "target": "ab" * 32}, "no option is chosen"),
        ({"form": "text", "words": " words"}, "readers strip the message"),
        ({"form": "nip97", "words": "nostr-ring-note:v1:"}, "nor begin as a bound note's signed text does"),
        ({"form": "nip97", "what": "article", "title": "x"}, "signs notes only"),
        ({"names": NPUB}, "takes names as people write them"),
        ({"words": "\ud800"}, "the message is not UTF-8 text"),
    ],
)  # fmt: skip
def test_what_cannot_be_signed_is_refused_with_what_to_do(web: WebSign, change: dict[str, Any], said: str) -> None:
    found = web.ask("review", wanted=WANTED | change, secret=SECRET.hex())
    assert found["plan"] is None
    assert any(said in text for text in found["refusals"]), found["refusals"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"form": "text"}, "the ring signs the message only"),
        ({"words": "a\r\nb"}, "the line ends of Windows"),
        ({"words": "x" * 100_001}, "refuse a text of more than 100000 characters"),
        ({"words": "\u201cquoted\u201d"}, "typographic quotes, dashes or dots (2, the first: \u201c)"),
        ({"words": "One.  Two."}, "two spaces together"),
        ({"words": "a\u200bb\u2062\U000e0041"}, "characters that cannot be seen (3, the first: U+200B)"),
        ({"words": "on 2026-05-03"}, "dates (1, the first: 2026-05-03)"),
        ({"words": "on 3.5.2026, 3 May and May 3rd"}, "dates (3, the first: 3.5.2026)"),
        ({"words": "el 3 de mayo"}, "dates (1, the first: 3 de mayo)"),
        ({"words": "at 14:05, 2pm"}, "times of day (2, the first: 14:05)"),
        ({"words": "Bob knew"}, "names of members of the ring (1, the first: Bob)"),
        ({"words": "write to dan@example.org."}, "e-mail addresses or names at a domain (1, the first: dan@example.org)"),
        ({"words": "https://example.org/a?user=7"}, "links with parameters (1, the first: https://example.org/a?user=7)"),
    ],
)  # fmt: skip
def test_what_may_point_at_an_author_is_said(web: WebSign, change: dict[str, Any], said: str) -> None:
    found = web.ask("review", wanted=WANTED | change, secret=SECRET.hex())
    assert found["plan"] is not None
    assert any(said in text for text in found["warnings"]), found["warnings"]


def test_plain_words_give_no_warning_of_style(web: WebSign) -> None:
    # A joiner stands there where a script or a pictograph needs it.
    joined = "\U0001f469\u200d\U0001f680 \u0645\u06cc\u200c\u0631"
    words = f"The report of the board was changed, twice.\n\nhttps://example.org/1.5 {joined}"
    assert web.ask("style", text=words, ring=[]) == []


def test_an_answer_is_linkable_within_its_target(web: WebSign) -> None:
    target = bytes(range(32))
    for written in (
        target.hex(),
        nip19.encode_nevent(target, "wss://relay.example"),
        f" nostr:{nip19.encode_nevent(target, '')}",
    ):
        wanted = WANTED | {"what": "vote", "target": written, "options": "y\n n \n"}
        plan = web.ask("review", wanted=wanted, secret=SECRET.hex())["plan"]
        assert plan["tags"] == [["e", target.hex()], ["response", "y"], ["response", "n"]]
        assert (plan["kind"], plan["content"], plan["scheme"], plan["scope"]) == (
            1018,
            "",
            "blsag",
            f"1018:{target.hex()}",
        )


@pytest.mark.parametrize("piece", ["x", "x.", "a@", "http://", "12:", "“", "  ", "3 May ", "-"])
def test_long_words_are_looked_over_in_no_time(web: WebSign, piece: str) -> None:
    started_s = time.perf_counter()
    web.ask("review", wanted=WANTED | {"words": piece * (100_000 // len(piece))}, secret=SECRET.hex())
    assert time.perf_counter() - started_s < scaled(2.0)


@pytest.mark.parametrize("size", [1, 599, 600, 601, 5_000, 100_000])
def test_parts_of_codes_are_joined_again_in_any_order(web: WebSign, size: int) -> None:
    text = ("\u00e9\U0001f600x\\n" * size)[:size]
    parts = web.ask("split", text=text)
    assert all(len(part.encode()) <= 620 for part in parts)
    assert web.ask("join", text="\n".join(reversed(parts))) == text
    if len(parts) > 1:
        for lacking in ("\n".join(parts[1:]), "\n".join([*parts[1:], "p1of99 x"]), "\n".join([*parts, "words"])):
            assert web.ask("join", text=lacking) == lacking


def test_a_note_in_parts_is_posted_and_checked_as_one(web: WebSign) -> None:
    note = encode_event(make_ring_note("words " * 400, ring_size=12)).decode()
    parts = web.ask("split", text=note)
    assert len(parts) > 2
    pasted = "\n".join(reversed(parts)) + "\n"
    assert web.ask("post", text=pasted) == f'["EVENT",{note}]'
    assert web.ask("note", text=pasted)["words"] == "words " * 400
    assert web.ask("post", text="\n".join(parts[:-1])) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" ", "Paste a note first"),
        (NPUB, "the address of a person"),
        (nip19.encode_nevent(OWN, ""), "this file fetches nothing"),
        ('{"id":"', "the note's JSON is cut"),
        (NSEC, "the note to check holds a secret key"),
        (f"see {NSEC}", "the note to check holds a secret key"),
    ],
)
def test_what_is_no_note_is_named(web: WebSign, text: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        web.ask("note", text=text)


def test_every_sentence_is_there_in_each_language_with_the_same_values(web: WebSign) -> None:
    texts = web.ask("texts")
    assert set(texts) == {"en", "es"}
    assert set(texts["en"]) == set(texts["es"])
    values = re.compile(r"\{[a-zA-Z]+\}")
    for name, sentence in texts["en"].items():
        assert set(values.findall(sentence)) == set(values.findall(texts["es"][name])), name
        assert sentence == texts["es"][name] or len(sentence) > 3, name
    same = {name for name, sentence in texts["en"].items() if sentence == texts["es"][name]}
    assert same == set()


def test_every_sentence_that_is_named_is_there(web: WebSign) -> None:
    texts = web.ask("texts")["en"]
    folder = Path(__file__).parents[2] / "web"
    named: set[str] = set()
    for path in (*folder.glob("core/*.js"), *folder.glob("sign/*.js")):
        source = path.read_text()
        named |= set(re.findall(r'(?:remark|new BadInput)\(\s*"([a-z0-9_]+[a-zA-Z0-9_]*)"', source))
    named |= set(re.findall(r'data-text="([a-zA-Z0-9_]+)"', (folder / "sign" / "sign.html").read_text()))
    assert len(named) > 100
    assert named - set(texts) == set()


def test_a_public_key_that_is_no_point_is_no_member(web: WebSign) -> None:
    with pytest.raises(Refused, match="no such public key exists"):
        web.ask("public", text="f" * 64)
    assert web.ask("public", text=PrivateKey().public_key.format().hex())
