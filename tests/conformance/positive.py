"""The notes that are valid, with what a verifier must find in them. Expected values come from how a note was made."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from relay.client.signing.envelope import mine_nonce
from relay.protocol.event import Event
from relay.verify.encoding import RingSignature
from relay.verify.ring_equations import Dialect, to_ring_id
from tests.conformance.notes import (
    AUTHOR,
    CREATED_AT,
    as_json,
    compact,
    hex_of,
    list_bound_tags,
    make_event,
    nprofile_of,
    npub_of,
    sign_bound,
)
from tests.conformance.signing import KEY_AT_ORDER, blsag, key_of, rotate, sag

Vector = dict[str, Any]
RING = (2, 0, 1)  # in no order of the keys
SIGNER = 0
TEXT = "We have known since March."
UNSCOPED = (
    "blocked: a linkable signature without a scope links all notes of its signer and can identify them; "
    "sign with sag, or with a scope"
)
AUTHOR_IN_RING = "blocked: the note's own pubkey is a member of its ring; use a throwaway key"
OLD = (
    "invalid: created_at is more than 604800 seconds in the past: in this form the ring did not sign it, so sign the event "
    "again with a later one"
)
LINK = "https://example.org/minutes.jpg"
# Words that tags can repeat.
NAMING = (
    f"Ask {hex_of(7)[0]}, {npub_of(8)[0]} and nostr:{nprofile_of(9)} about the #Minutes of #März_2: {LINK} "
    "(wss://relay.example.org) #end"
)
REPEATED: dict[str, list[str]] = {
    "a key in hex": ["p", *hex_of(7)],
    "a key as npub": ["p", *hex_of(8)],
    "a key as nprofile": ["p", *hex_of(9)],
    "a key and a relay": ["p", *hex_of(7), "wss://relay.example.org", ""],
    "a hashtag in lower case": ["t", "minutes"],
    "a hashtag in upper case": ["t", "MÄRZ_2"],
    "a hashtag at the end": ["t", "end"],
    "a link": ["r", LINK],
    "a picture": ["imeta", f"url {LINK}", "m image/jpeg", f"x {'ab' * 32}", "dim 640x480"],
    "proof of work": ["nonce", "7", "0"],
}
LINKABLE_RING = 5
SMALL_LINKABLE = (
    "blocked: linkable rings need at least 5 members here, because the others can clear themselves one by one until only the "
    "signer is left; sign with sag, or add members"
)


def list_positive() -> Iterator[Vector]:
    yield from _list_bound()
    yield from _list_nip97()
    yield from _list_nostringer()
    yield from _list_text()


def describe(
    name: str,
    event: Event,
    form: str,
    ring: Sequence[int],
    signature: RingSignature | None,
    signed_text: str,
    *,
    dialect: str = "canonical",
    refused: str | None = None,
) -> Vector:
    """Return a vector; `refused` is what a relay with default rules says to this valid note, beside its linkable ring's size."""
    key_image = signature.key_image.hex() if signature and signature.key_image else None
    if refused is None and key_image is not None and len(ring) < LINKABLE_RING:
        refused = SMALL_LINKABLE
    flag = signature.flag if signature else None
    expected = {
        "valid": True,
        "form": form,
        "scheme": "sag" if key_image is None else "blsag",
        "dialect": dialect,
        "binding": "event" if form == "bound" else "message",
        "ring_size": len(ring),
        "ring_id": to_ring_id(map(key_of, ring)),
        "key_image": key_image,
        "scope": None if flag == "NostringerHp" else flag,
        "signed_text": signed_text,
    }
    vector = {"name": name, "event": event, "expected": expected}
    return vector if refused is None else {**vector, "refused_by_default": refused}


def _list_bound() -> Iterator[Vector]:
    yield _bound("bound, sag, ring of 3, no R tag", list_bound_tags(RING))
    yield _bound("bound, sag, ring of 3, R tag", list_bound_tags(RING, signer=SIGNER))
    yield _bound(
        "bound, sag, other tags before and between", [["t", "news"], *list_bound_tags(RING), ["p", *hex_of(9)]]
    )
    yield _bound("bound, sag, kind 30023", [["d", "one"], *list_bound_tags(RING)], kind=30023)
    yield _bound("bound, sag, content beyond ASCII", list_bound_tags(RING), content='Ünï\u2028"\\\n\0\x7f \U0001f600')
    yield _bound("bound, sag, empty content", list_bound_tags(RING), content="")
    yield _bound("bound, sag, ring of 2", list_bound_tags((0, 1)), ring=(0, 1))
    at_order = (*RING, KEY_AT_ORDER)
    yield _bound("bound, sag, a member whose x is the order n", list_bound_tags(at_order), ring=at_order)
    tags = list_bound_tags(at_order, "poll", SIGNER)
    yield _bound("bound, blsag, a member whose x is the order n", tags, ring=at_order, flag="poll")
    yield _bound("bound, sag, ring of 25", list_bound_tags(range(25)), ring=range(25), signer=24)
    yield _bound("bound, sag, ring of 256", list_bound_tags(range(256)), ring=range(256), signer=200)
    yield _bound("bound, sag, nonce after ringsig", list_bound_tags(RING), after=[["nonce", "12", "8"]])
    yield _bound("bound, sag, nonce first", [["nonce", "776", "0"], *list_bound_tags(RING)])
    yield _mined()
    for name, scope in (
        ("a short scope", "poll"),
        ("a scope of one byte", "1"),
        ("a scope of 24 bytes", "é" * 12),
        ("a scope of 128 bytes", "s" * 128),
    ):
        yield _bound(f"bound, blsag, {name}", list_bound_tags(RING, scope, SIGNER), flag=scope)
    yield _bound("bound, blsag, no R and J tag", list_bound_tags(RING, "poll"), flag="poll")
    two = list_bound_tags((0, 1), "poll", 1)
    yield _bound("bound, blsag, ring of 2", two, ring=(0, 1), signer=1, flag="poll")
    five = list_bound_tags(range(5), "poll", 1)
    yield _bound("bound, blsag, ring of 5", five, ring=range(5), signer=1, flag="poll")
    unscoped = list_bound_tags(RING, "NostringerHp", SIGNER)
    yield _bound("bound, blsag, the scope is NostringerHp", unscoped, flag="NostringerHp", refused=UNSCOPED)
    answer = "7:" + "ab" * 32
    tags = [["e", "ab" * 32], *list_bound_tags(RING, answer, SIGNER)]
    yield _bound("bound, blsag, an answer of kind 7", tags, kind=7, content="+", flag=answer)


def _bound(name: str, tags: list[list[str]], *, ring: Sequence[int] = RING, signer: int = SIGNER, **how: Any) -> Vector:
    refused = how.pop("refused", None)
    # The nonce is no part of what the ring signs: sign_bound gets the tags without it, the event has it.
    nonce_first = [tag for tag in tags if tag[0] == "nonce"]
    signed = [tag for tag in tags if tag[0] != "nonce"]
    event = sign_bound(signed, sorted(ring, key=key_of), signer, **how)
    if nonce_first:
        event = make_event(event.content, [*nonce_first, *event.tags], event.kind)
    signed_id = make_event(event.content, signed, event.kind).id
    signature = None if how.get("flag") is None else blsag("", sorted(ring, key=key_of), signer, how["flag"])
    return describe(name, event, "bound", ring, signature, "nostr-ring-note:v1:" + signed_id, refused=refused)


def _mined() -> Vector:
    vector = _bound("bound, sag, mined to 10 bits", list_bound_tags(RING))
    event: Event = vector["event"]
    nonce = mine_nonce(event.pubkey, CREATED_AT, event.kind, event.tags, event.content, 10)
    return {**vector, "event": make_event(event.content, [*event.tags, nonce], event.kind)}


def _nip97(name: str, signature: RingSignature, text: str, *, ring: Sequence[int] = RING, **how: Any) -> Vector:
    written = how.get("written") or compact(signature)
    members = how.get("members") or hex_of(*ring)
    tags = [["ring-members", *members], ["ring-signature", written], *how.get("more", [])]
    created_at = how.get("created_at", CREATED_AT)
    event = make_event(how.get("content", text), tags, author=how.get("author", AUTHOR), created_at=created_at)
    dialect = how.get("dialect", "canonical")
    return describe(name, event, "nip97", ring, signature, text, dialect=dialect, refused=how.get("refused"))


def _list_nip97() -> Iterator[Vector]:
    first = sag(TEXT, RING, SIGNER)
    yield _nip97("nip97, sag, compact", first, TEXT)
    yield _nip97("nip97, sag, JSON", first, TEXT, written=as_json(first))
    yield _nip97("nip97, sag, JSON over several lines", first, TEXT, written="\n" + as_json(first, indent=2) + "\n")
    swapped = json.dumps({"s": [s.hex() for s in first.responses], "c0": first.c0.hex()})
    yield _nip97("nip97, sag, JSON with s first", first, TEXT, written=swapped)
    naming = sag(NAMING, RING, SIGNER)
    for name, tag in REPEATED.items():
        yield _nip97(f"nip97, sag, a tag that repeats {name}", naming, NAMING, more=[tag])
    most = [["t", "end"]] * 32
    yield _nip97("nip97, sag, 64 elements of tags", naming, NAMING, more=[*most, ["nonce", "7"]])
    yield _nip97("nip97, sag, seven days old", first, TEXT, created_at=CREATED_AT - 604_800)
    yield _nip97("nip97, sag, a second older", first, TEXT, created_at=CREATED_AT - 604_801, refused=OLD)
    given = sag(TEXT, RING, SIGNER, Dialect.TYPESCRIPT)
    yield _nip97("nip97, sag, TypeScript dialect, compact", given, TEXT, dialect="typescript")
    yield _nip97("nip97, sag, TypeScript dialect, JSON", given, TEXT, written=as_json(given), dialect="typescript")
    spaced = " two\nlines\n"
    yield _nip97("nip97, sag, message with white space at its ends", sag(spaced, RING, SIGNER), spaced)
    yield _nip97("nip97, sag, npub members", first, TEXT, members=npub_of(*RING))
    yield _nip97("nip97, sag, nprofile members", first, TEXT, members=[nprofile_of(number) for number in RING])
    two = (1, 0)
    yield _nip97("nip97, sag, ring of 2", sag(TEXT, two, 0), TEXT, ring=two)
    yield from _list_points()
    twenty_five = sag(TEXT, range(25), 13)
    yield _nip97("nip97, sag, ring of 25", twenty_five, TEXT, ring=range(25))
    with_author = (*RING, AUTHOR)
    own = sag(TEXT, with_author, AUTHOR)
    yield _nip97("nip97, sag, the author in the ring", own, TEXT, ring=with_author, refused=AUTHOR_IN_RING)
    scoped = blsag(TEXT, RING, SIGNER, "poll")
    yield _nip97("nip97, blsag, scope", scoped, TEXT)
    yield _nip97("nip97, blsag, no flag", blsag(TEXT, RING, SIGNER, None), TEXT, refused=UNSCOPED)
    released = blsag(TEXT, RING, SIGNER, None, Dialect.RELEASE)
    yield _nip97("nip97, blsag, release 0.1.8", released, TEXT, dialect="rust-0.1.8", refused=UNSCOPED)
    named = blsag(TEXT, RING, SIGNER, "NostringerHp")
    yield _nip97("nip97, blsag, the flag NostringerHp", named, TEXT, refused=UNSCOPED)
    turned, order = rotate(scoped, TEXT, RING)
    yield _nip97("nip97, blsag, rotated by somebody else", turned, TEXT, ring=order)


def _list_points() -> Iterator[Vector]:
    """Members written in 66 digits, which say which of two points they are."""
    keys = hex_of(*RING)
    even, mixed = ["02" + key for key in keys], [keys[0], "02" + keys[1], npub_of(RING[2])[0]]
    yield _nip97("nip97, sag, members of 66 digits", sag(TEXT, RING, SIGNER), TEXT, members=even)
    yield _nip97("nip97, sag, members of 64 and 66 digits and an npub", sag(TEXT, RING, SIGNER), TEXT, members=mixed)
    for name, odd in (
        ("one of the others", ["02" + keys[0], "02" + keys[1], "03" + keys[2]]),
        ("the signer", ["03" + key for key in keys]),
    ):
        yield _nip97(f"nip97, sag, an odd point, {name}", sag(TEXT, RING, SIGNER, written=odd), TEXT, members=odd)
    for name, flag, dialect in (("scope", "poll", Dialect.CANONICAL), ("release 0.1.8", None, Dialect.RELEASE)):
        signature = blsag(TEXT, RING, SIGNER, flag, dialect)
        refused = None if flag else UNSCOPED
        for spelling, members in (("66 digits", even), ("64 and 66 digits", mixed)):
            about = f"nip97, blsag, members of {spelling}, {name}"
            yield _nip97(about, signature, TEXT, members=members, dialect=dialect, refused=refused)


def _nostringer(name: str, members: list[str], signature: RingSignature, text: str = TEXT, **how: Any) -> Vector:
    value = {"message": text, "ring_members": members, "ring_signature": compact(signature)}
    content = how.get("content") or json.dumps(value, ensure_ascii=False)
    event = make_event(content, how.get("more", []))
    ring, dialect = how.get("ring", RING), how.get("dialect", "canonical")
    return describe(name, event, "nostringer", ring, signature, text, dialect=dialect, refused=how.get("refused"))


def _list_nostringer() -> Iterator[Vector]:
    first = sag(TEXT, RING, SIGNER)
    keys, npubs = hex_of(*RING), npub_of(*RING)
    yield _nostringer("nostringer, sag, hex members", keys, first)
    yield _nostringer("nostringer, sag, npub members", npubs, first)
    yield _nostringer("nostringer, sag, hex and npub members", [keys[0], *npubs[1:]], first)
    yield _nostringer("nostringer, sag, nprofile members", [nprofile_of(number) for number in RING], first)
    yield _nostringer("nostringer, sag, a member of 66 digits", ["02" + keys[0], *keys[1:]], first)
    points = ["03" + key for key in keys]
    yield _nostringer("nostringer, sag, odd points", points, sag(TEXT, RING, SIGNER, written=points))
    yield _nostringer("nostringer, sag, ring of 2", keys[:2], sag(TEXT, RING[:2], SIGNER), ring=RING[:2])
    given = sag(TEXT, RING, SIGNER, Dialect.TYPESCRIPT)
    yield _nostringer("nostringer, sag, TypeScript dialect, hex members", keys, given, dialect="typescript")
    yield _nostringer("nostringer, sag, TypeScript dialect, npub members", npubs, given, dialect="typescript")
    value = {"ring_signature": compact(first), "message": TEXT, "ring_members": npubs}
    indented = "\n " + json.dumps(value, indent=2) + "\r\n\t"
    yield _nostringer("nostringer, sag, another order, indented", npubs, first, content=indented)
    escaped = json.dumps(value).replace('"message"', '"mess\\u0061ge"').replace("March", "\\u004darch")
    yield _nostringer("nostringer, sag, characters written as escapes", npubs, first, content=escaped)
    odd = 'He said "no":\n\U0001f600 \\ {"message": 1}'
    yield _nostringer("nostringer, sag, a message that looks like JSON", keys, sag(odd, RING, SIGNER), odd)
    naming = sag(NAMING, RING, SIGNER)
    repeated = list(REPEATED.values())
    yield _nostringer("nostringer, sag, tags that repeat the words", keys, naming, NAMING, more=repeated)
    scoped = blsag(TEXT, RING, SIGNER, "poll")
    yield _nostringer("nostringer, blsag, scope", npubs, scoped)
    yield _nostringer("nostringer, blsag, no flag", keys, blsag(TEXT, RING, SIGNER, None), refused=UNSCOPED)
    released = blsag(TEXT, RING, SIGNER, None, Dialect.RELEASE)
    yield _nostringer("nostringer, blsag, release 0.1.8", keys, released, dialect="rust-0.1.8", refused=UNSCOPED)
    turned, order = rotate(scoped, TEXT, RING)
    yield _nostringer("nostringer, blsag, rotated by somebody else", hex_of(*order), turned, ring=order)


def _text(name: str, content: str, signature: RingSignature, text: str = TEXT, **how: Any) -> Vector:
    ring, dialect = how.get("ring", RING), how.get("dialect", "canonical")
    event = make_event(content, how.get("more", []))
    return describe("text, " + name, event, "text", ring, signature, text, dialect=dialect, refused=how.get("refused"))


def _list_text() -> Iterator[Vector]:
    first = sag(TEXT, RING, SIGNER)
    sig, keys, npubs = compact(first), hex_of(*RING), npub_of(*RING)
    lines, commas = "\n".join(npubs), ", ".join(keys)
    mentions = " ".join("nostr:" + npub for npub in npubs)
    bullets = "\n".join("- " + npub for npub in npubs)
    numbers = "\n".join(f"{place}. {npub}" for place, npub in enumerate(npubs, 1))
    parens = "\n".join(f"  {place}) `{npub}`" for place, npub in enumerate(npubs, 1))
    for name, content in (
        ("npubs under Ring:, compact signature", f"{TEXT}\n\nRing:\n{lines}\n\n{sig}"),
        ("hex keys separated by commas", f"{TEXT}\n\nRing members: {commas}\n\nSignature: {sig}\n"),
        ("no labels", f"{TEXT}\n{commas}\n{sig}"),
        ("mentions by nostr: links", f"{TEXT}\n\nMembers: {mentions}\n{sig}"),
        ("a list with dashes", f"{TEXT}\n\n## Ring\u0020members:\n\n{bullets}\n\n**Signature:**\n{sig}"),
        ("a numbered list", f"{TEXT}\r\n\r\n**Ring**:\r\n{numbers}\r\nRING SIGNATURE:\r\n{sig}\r\n"),
        ("a numbered list with brackets and backticks", f"{TEXT}\n---\n__Ring:__\n{parens}\n---\n`{sig}`"),
        ("a JSON array of hex keys", f"{TEXT}\n\nring: {json.dumps(keys)}\n\nsignature: {sig}"),
        ("a JSON array over several lines", f'{TEXT}\n\nRing:\n{json.dumps(npubs, indent=2)},\n"{sig}"'),
        ("hex keys and npubs", f"{TEXT}\nRing:\n{keys[0]}\n{npubs[1]}\n'{keys[2]}'\n{sig}"),
        ("the value of Message:", f"Message: {TEXT}\n\nRing:\n{lines}\n\nSignature:\n{sig}"),
        ("the value of **Message:**, on a line of its own", f"**Message:**\n\n{TEXT}\n\nRing:\n{lines}\n{sig}"),
        ("the value of Message: in a fence", f"### Message:\n```text\n{TEXT}\n```\nRing:\n{lines}\n{sig}"),
        ("an indented Message: below a rule", f"---\n  Message: {TEXT}\n\nRing:\n{lines}\n\n{sig}"),
        ("a signature joined to the last key", f"{TEXT}\n\nRing:\n{lines}{sig}"),
        ("a fenced message", f"```\n{TEXT}\n```\n\nRing:\n{lines}\n\n{sig}"),
        ("fenced members and signature", f"{TEXT}\n\nRing:\n```\n{lines}\n```\n\nSignature:\n```\n{sig}\n```"),
        ("signature before the members", f"{TEXT}\n\nSignature: {sig}\n\nRing:\n{lines}"),
        ("members first, then Message:", f"Ring:\n{lines}\n\nMessage: {TEXT}\n\nSignature: {sig}"),
        ("signature first, Message: last", f"Signature: {sig}\n\nRing: {commas}\n\nMessage:\n{TEXT}\n"),
        ("JSON signature on one line", f"{TEXT}\n\nRing:\n{lines}\n\n{as_json(first)}"),
        ("JSON signature over several lines", f"{TEXT}\n\nRing: {commas}\n\nSignature:\n{as_json(first, indent=2)}\n"),
        ("JSON signature in a fence", f"{TEXT}\n\nRing:\n{lines}\n\n```json\n{as_json(first, indent=4)}\n```"),
    ):
        yield _text("sag, " + name, content, first)
    naming = sag(NAMING, RING, SIGNER)
    written = f"Message: {NAMING}\n\nRing:\n{lines}\n\n{compact(naming)}"
    yield _text("sag, tags that repeat the words", written, naming, NAMING, more=list(REPEATED.values()))
    yield from _list_text_messages()
    yield from _list_text_schemes()


def _list_text_messages() -> Iterator[Vector]:
    """Messages that are easily cut in the wrong place."""
    tail = "\n".join(npub_of(*RING))
    spaced = f"  {TEXT}\n\n"
    signature = sag(spaced, RING, SIGNER)
    yield _text(
        "sag, white space around the message was signed", f"{spaced}{tail}\n{compact(signature)}", signature, spaced
    )
    labelled = f"{TEXT}\n\nRing:"
    signature = sag(labelled, RING, SIGNER)
    yield _text("sag, the label was signed", f"{labelled}\n{tail}\n{compact(signature)}", signature, labelled)
    whole = f"Message: {TEXT}"
    signature = sag(whole, RING, SIGNER)
    yield _text("sag, the label Message: was signed", f"{whole}\nRing:\n{tail}\n{compact(signature)}", signature, whole)
    fenced = f"```\n{TEXT}\n```"
    signature = sag(fenced, RING, SIGNER)
    yield _text("sag, the fence was signed", f"{fenced}\nRing:\n{tail}\n{compact(signature)}", signature, fenced)
    keyed = f"Ask {npub_of(9)[0]} and {hex_of(8)[0]}, {hex_of(7)[0]}.\nMessage: yes"
    signature = sag(keyed, RING, SIGNER)
    yield _text("sag, keys in the message", f"{keyed}\n\nRing:\n{tail}\n{compact(signature)}", signature, keyed)
    dashed = "We have known -since- March-"
    signature = sag(dashed, RING, SIGNER)
    content = f"{dashed} {' '.join(hex_of(*RING))}\n{compact(signature)}"
    yield _text("sag, a message that ends with a dash", content, signature, dashed)
    emphasis = "**bold** from the first word"
    signature = sag(emphasis, RING, SIGNER)
    content = f"Message:{emphasis}\nRing:\n{tail}\n{compact(signature)}"
    yield _text("sag, a message that begins with emphasis", content, signature, emphasis)
    signature = sag(TEXT, RING, SIGNER)
    padding = "\n" * (2_500 - 1 - 4)
    yield _text("sag, 2,500 lines", f"{TEXT}\n{tail}{padding}\n{compact(signature)}", signature)
    foreign = "\u00a0Wir wissen es seit März. \u2003"
    signature = sag(foreign, RING, SIGNER)
    content = f"{foreign}\n\nRing:\n{tail}\n{compact(signature)}"
    yield _text("sag, other spaces are not white space", content, signature, foreign)


def _list_text_schemes() -> Iterator[Vector]:
    npubs, keys = "\n".join(npub_of(*RING)), "\n".join(hex_of(*RING))
    given = sag(TEXT, RING, SIGNER, Dialect.TYPESCRIPT)
    for name, members, written in (
        ("npubs, compact", npubs, compact(given)),
        ("hex keys, compact", keys, compact(given)),
        ("npubs, JSON", npubs, as_json(given, indent=1)),
    ):
        content = f"{TEXT}\n\nRing:\n{members}\n\n{written}"
        yield _text("sag, TypeScript dialect, " + name, content, given, dialect="typescript")
    twelve = sag(TEXT, range(12), 11)
    numbered = "\n".join(f"{place}. {npub}" for place, npub in enumerate(npub_of(*range(12)), 1))
    yield _text("sag, ring of 12", f"{TEXT}\n\nRing:\n{numbered}\n\n{compact(twelve)}", twelve, ring=range(12))
    scoped = blsag(TEXT, RING, SIGNER, "poll")
    yield _text("blsag, scope", f"{TEXT}\n\nRing:\n{npubs}\n\n{compact(scoped)}", scoped)
    longest = blsag(TEXT, RING, SIGNER, "s" * 128)
    yield _text("blsag, a scope of 128 bytes", f"{TEXT}\n\nRing:\n{npubs}\n\n{compact(longest)}", longest)
    bare = blsag(TEXT, RING, SIGNER, None)
    yield _text("blsag, no flag", f"{TEXT}\n\nRing:\n{npubs}\n\n{compact(bare)}", bare, refused=UNSCOPED)
    released = blsag(TEXT, RING, SIGNER, None, Dialect.RELEASE)
    content = f"{TEXT}\n\nRing:\n{npubs}\n\n{compact(released)}"
    yield _text("blsag, release 0.1.8", content, released, dialect="rust-0.1.8", refused=UNSCOPED)
    turned, order = rotate(scoped, TEXT, RING)
    content = f"{TEXT}\n\nRing:\n" + "\n".join(npub_of(*order)) + "\n\n" + compact(turned)
    yield _text("blsag, rotated by somebody else", content, turned, ring=order)
