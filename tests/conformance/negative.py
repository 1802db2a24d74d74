"""The notes that are not valid, each for one reason, which its name says. All are near to a valid one."""

import json
from collections.abc import Iterator, Mapping, Sequence

from coincurve import PublicKey

from relay.protocol.event import Event
from relay.verify.encoding import RingSignature
from relay.verify.ring_equations import Dialect, to_ring_id
from tests.conformance.negative_encodings import list_encodings
from tests.conformance.negative_members import list_members
from tests.conformance.negative_texts import OFF_CURVE, RING, SIGNER, TEXT, Named, list_negative_texts
from tests.conformance.notes import (
    AUTHOR,
    Tags,
    as_json,
    compact,
    hex_of,
    list_bound_tags,
    make_event,
    npub_of,
    sign_bound,
)
from tests.conformance.positive import LINK, NAMING
from tests.conformance.signing import blsag, key_of, rotate, sag

SORTED = tuple(sorted(RING, key=key_of))


def list_negative() -> Iterator[Named]:
    yield from _list_events()
    yield from _list_marks()
    yield from _list_bound_tags()
    yield from _list_bound_signatures()
    yield from list_encodings()
    yield from _list_nip97()
    yield from list_members()
    yield from _list_message_forms()
    yield from _list_nostringer()
    yield from list_negative_texts()


def with_tags(event: Event, tags: Tags) -> Event:
    return make_event(event.content, tags, event.kind)


def _list_events() -> Iterator[Named]:
    """The event is wrong, its ring signature is right."""
    event = sign_bound(list_bound_tags(RING), SORTED, SIGNER)
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    yield "event: the id is another's", Event(**{**fields, "id": "00" * 32})
    yield "event: the sig is another's", Event(**{**fields, "sig": make_event("other").sig})
    yield "event: not a ring note", make_event(TEXT, [["t", "ring"]])


def _list_marks() -> Iterator[Named]:
    """The signature of one form in the marks of another, or marks of two."""
    message = sag(TEXT, SORTED, SIGNER)
    ring, nip97 = ["ring", *hex_of(*SORTED)], ["ring-members", *hex_of(*SORTED)]
    ringsig, nip97_sig = ["ringsig", compact(message)], ["ring-signature", compact(message)]
    yield (
        "marks of bound and nip97, both signatures right for nip97",
        make_event(TEXT, [nip97, nip97_sig, ring, ringsig]),
    )
    bound = sign_bound([ring], SORTED, SIGNER, content=TEXT)
    both = sign_bound([nip97, nip97_sig, ring], SORTED, SIGNER, content=TEXT)
    yield "marks of bound and nip97, the bound signature right", both
    yield "bound: a signature over the content", make_event(TEXT, [ring, ringsig])
    yield "bound: only a ring tag", make_event(TEXT, [ring])
    yield "bound: only a ringsig tag", make_event(TEXT, [ringsig])
    yield "nip97: a bound note's signature", make_event(TEXT, [nip97, ["ring-signature", bound.tags[-1][1]]])
    yield "nip97: only the members", make_event(TEXT, [nip97])
    yield "nip97: only the signature", make_event(TEXT, [nip97_sig])
    text = f"{TEXT}\n\nRing:\n" + "\n".join(npub_of(*SORTED)) + f"\n\n{compact(message)}"
    yield "nip97 marks: the text would be valid without them", make_event(text, [nip97, nip97_sig])
    yield "bound marks: the text would be valid without them", make_event(text, [ring, ringsig])
    value = {"message": TEXT, "ring_members": hex_of(*SORTED), "ring_signature": compact(message)}
    yield "nip97 marks: the content would be valid as JSON", make_event(json.dumps(value), [nip97, nip97_sig])


def _list_bound_tags() -> Iterator[Named]:
    keys = hex_of(*SORTED)
    sag_tags = list_bound_tags(RING, signer=SIGNER)
    blsag_tags = list_bound_tags(RING, "poll", SIGNER)
    tags: Tags
    for name, tags in (
        ("a ring tag twice", [["ring", *keys], ["ring", *keys]]),
        ("a member in upper case", [["ring", keys[0].upper(), *keys[1:]]]),
        ("a member with 0x", [["ring", "0x" + keys[0], *keys[1:]]]),
        ("a member of 66 digits", [["ring", "02" + keys[0], *keys[1:]]]),
        ("an npub as a member", [["ring", *npub_of(*SORTED)]]),
        ("an empty ring", [["ring"]]),
        ("a wrong R tag", [["ring", *keys], ["R", to_ring_id(map(key_of, (0, 1)))]]),
        ("the R tag twice", [*sag_tags, sag_tags[1]]),
        ("an R tag of three elements", [["ring", *keys], [*sag_tags[1], ""]]),
        ("a scope on a sag", [*sag_tags, ["scope", "poll"]]),
        ("a J tag on a sag", [*sag_tags, blsag_tags[3]]),
    ):
        yield f"bound: {name}", sign_bound(tags, SORTED, SIGNER)
    for name, members in (
        ("a ring not sorted", SORTED[::-1]),
        ("a member twice", (SORTED[0], *SORTED)),
        ("a ring of one", (SIGNER,)),
    ):
        yield f"bound: {name}", sign_bound([["ring", *hex_of(*members)]], members, SIGNER)
    yield "bound, blsag: a ring of one", sign_bound(list_bound_tags((0,), "poll", 0), (0,), 0, flag="poll")
    ring, scope, ring_id, image = blsag_tags
    for name, tags in (
        ("no scope", [ring, ring_id, image]),
        ("the scope twice", [ring, scope, scope]),
        ("another scope", [ring, ["scope", "vote"]]),
        ("a scope of three elements", [ring, ["scope", "poll", ""]]),
        ("a J tag that is another member's", [ring, scope, ["J", list_bound_tags(RING, "poll", 1)[3][1]]]),
        ("the J tag in upper case", [ring, scope, ["J", image[1].upper()]]),
        ("the J tag twice", [ring, scope, image, image]),
    ):
        yield f"bound, blsag: {name}", sign_bound(tags, SORTED, SIGNER, flag="poll")
    author = sorted((*RING, AUTHOR), key=key_of)
    yield "bound: the author in the ring", sign_bound(list_bound_tags(author), author, AUTHOR)
    event = sign_bound(sag_tags, SORTED, SIGNER)
    *tags, ringsig = event.tags
    nonce = ["nonce", "1", "0"]
    for name, moved in (
        ("ringsig is not last", [ringsig, *tags]),
        ("a tag after ringsig and before the nonce", [*tags, ringsig, ["t", "x"], nonce]),
        ("ringsig twice", [*tags, ringsig, ringsig]),
        ("ringsig of three elements", [*tags, [*ringsig, ""]]),
        ("two nonces", [nonce, *tags, ringsig, nonce]),
        ("a nonce with words", [*tags, ringsig, ["nonce", "one", "0"]]),
        ("a nonce with a fourth element", [*tags, ringsig, [*nonce, "0"]]),
        ("an empty nonce", [*tags, ringsig, ["nonce", ""]]),
        ("a nonce of 40 digits", [*tags, ringsig, ["nonce", "1" * 40]]),
        ("a nonce alone", [*tags, ringsig, ["nonce"]]),
        ("a tag added", [["t", "x"], *tags, ringsig]),
        ("a tag taken away", [tags[0], ringsig]),
    ):
        yield f"bound: {name}", with_tags(event, moved)
    yield "bound: other content", make_event("Said by all of us.", event.tags)
    yield "bound: another kind", make_event(event.content, event.tags, kind=42)
    yield "bound: another author", make_event(event.content, event.tags, author=AUTHOR + 1)
    yield "bound: another time", make_event(event.content, event.tags, created_at=1_700_000_001)


def _list_bound_signatures() -> Iterator[Named]:
    tags = list_bound_tags(RING)
    yield "bound: TypeScript dialect", sign_bound(tags, SORTED, SIGNER, dialect=Dialect.TYPESCRIPT)
    event = sign_bound(list_bound_tags(RING, "poll", SIGNER), SORTED, SIGNER, flag="poll")
    message = "nostr-ring-note:v1:" + make_event(event.content, event.tags[:-1]).id
    turned, order = rotate(blsag(message, SORTED, SIGNER, "poll"), message, SORTED)
    yield (
        "bound, blsag: rotated, the ring as it was",
        with_tags(event, [*event.tags[:-1], ["ringsig", compact(turned)]]),
    )
    both = [["ring", *hex_of(*order)], *event.tags[1:-1], ["ringsig", compact(turned)]]
    yield "bound, blsag: rotated, the ring rotated too", with_tags(event, both)
    keys = sorted([OFF_CURVE, *hex_of(*RING)])
    tags = [["ring", *keys]]
    signature = sag(TEXT, (*RING, 3), SIGNER)
    yield "bound: a member that is no point", make_event(TEXT, [*tags, ["ringsig", compact(signature)]])


def _nip97(written: str, members: Sequence[str] = (), text: str = TEXT, more: Tags = (), kind: int = 1) -> Event:
    tags = [["ring-members", *(members or hex_of(*RING))], ["ring-signature", written], *more]
    return make_event(text, tags, kind)


def _list_nip97() -> Iterator[Named]:
    first = compact(sag(TEXT, RING, SIGNER))
    keys = hex_of(*RING)
    members, signature = ["ring-members", *keys], ["ring-signature", first]
    for name, tags in (
        ("ring-members twice", [members, members, signature]),
        ("ring-signature twice", [members, signature, signature]),
        ("ring-signature of three elements", [members, [*signature, ""]]),
        ("members in another order", [["ring-members", *sorted(keys)], signature]),
        ("an npub in upper case", [["ring-members", npub_of(RING[0])[0].upper(), *keys[1:]], signature]),
        ("a member with nostr:", [["ring-members", "nostr:" + npub_of(RING[0])[0], *keys[1:]], signature]),
        (
            "a member of 130 digits",
            [
                ["ring-members", PublicKey(b"\x02" + key_of(RING[0])).format(compressed=False).hex(), *keys[1:]],
                signature,
            ],
        ),
        ("a member in upper case", [["ring-members", keys[0].upper(), *keys[1:]], signature]),
        ("a member with 0x", [["ring-members", "0x" + keys[0], *keys[1:]], signature]),
    ):
        yield f"nip97: {name}", make_event(TEXT, tags)
    yield "nip97: a message that was not signed", _nip97(first, text=TEXT + " ")
    yield "nip97: a ring of one", _nip97(compact(sag(TEXT, (0,), 0)), hex_of(0))
    two = compact(sag(TEXT, (0, 1), 0, Dialect.TYPESCRIPT))
    yield "nip97: a ring of two, TypeScript dialect", _nip97(two, hex_of(0, 1))
    two = compact(blsag(TEXT, (0, 1), 0, None, Dialect.RELEASE))
    yield "nip97, blsag: a ring of two, release 0.1.8", _nip97(two, hex_of(0, 1))
    yield "nip97: a member twice", _nip97(compact(sag(TEXT, (*RING, 2), SIGNER)), [*keys, keys[0]])
    beyond = compact(sag(TEXT, (*RING, 3), SIGNER))
    yield "nip97: a member that is not below the field's order", _nip97(beyond, [*keys, "ff" * 32])
    yield "nip97: a member that is no point", _nip97(compact(sag(TEXT, (*RING, 3), SIGNER)), [*keys, OFF_CURVE])


def _list_message_forms() -> Iterator[Named]:
    """What form nip97, Nostringer's JSON and text have in common."""
    signed_id = sign_bound(list_bound_tags(RING), SORTED, SIGNER).id
    for form in ("nip97", "nostringer", "text"):
        first = sag(TEXT, RING, SIGNER)
        yield f"{form}: kind 42", _in(form, first, kind=42)
        for tag in (["expiration", "1900000000"], ["R", to_ring_id(map(key_of, RING))], ["J", "x"], ["scope", "x"]):
            yield f"{form}: the tag {tag[0]}", _in(form, first, more=[tag])
        for tag in (
            ["subject", TEXT],
            ["content-warning"],
            ["e", "ab" * 32],
            ["client", "x"],
            ["emoji", "We", LINK],
            [""],
        ):
            yield f"{form}: the tag {tag[0] or 'without a name'}", _in(form, first, more=[tag])
        naming = sag(NAMING, RING, SIGNER)
        for name, tags in _list_other_tags().items():
            yield f"{form}: tags that say more than the words, {name}", _in(form, naming, NAMING, more=tags)
        imitation = "nostr-ring-note:v1:" + signed_id
        yield f"{form}: the message is a bound note's", _in(form, sag(imitation, RING, SIGNER), imitation)
        yield f"{form}: the message is empty", _in(form, sag("", RING, SIGNER), "")


def _list_other_tags() -> dict[str, Tags]:
    """Return tags of which at least one does not repeat the words NAMING, or has a shape that says something itself."""
    picture = ["imeta", f"url {LINK}"]
    return {
        "another key": [["p", *hex_of(10)]],
        "a member of the ring": [["p", *hex_of(RING[0])]],
        "a key in upper case": [["p", hex_of(7)[0].upper()]],
        "an npub": [["p", *npub_of(8)]],
        "no key": [["p"]],
        "another relay": [["p", *hex_of(7), "wss://other.example"]],
        "a fifth element": [["p", *hex_of(7), "", "", ""]],
        "a hashtag cut short": [["t", "minute"]],
        "a hashtag cut before its underscore": [["t", "märz"]],
        "a hashtag and its sign": [["t", "#end"]],
        "a word without a sign": [["t", "ask"]],
        "an empty hashtag": [["t", ""]],
        "another link": [["r", LINK + "2"]],
        "an empty link": [["r", ""]],
        "one of two": [["r", LINK], ["r", "https://other.example"]],
        "another picture": [["imeta", "url https://other.example/a.jpg"]],
        "a picture and words": [[*picture, "alt We steal."]],
        "a picture and words as its type": [[*picture, "m We steal."]],
        "a picture and words as its size": [[*picture, "dim 3x3 We steal."]],
        "a picture and a short hash": [[*picture, "x abcdef"]],
        "a picture and two sizes": [[*picture, "dim 1x1", "dim 2x2"]],
        "a picture without a link": [["imeta", "dim 1x1"]],
        "a nonce of words": [["nonce", "We steal."]],
        "a nonce of four elements": [["nonce", "1", "0", "0"]],
        "two nonces": [["nonce", "1"], ["nonce", "2"]],
        "66 elements": [["t", "end"]] * 33,
    }


def _in(form: str, signature: RingSignature, text: str = TEXT, *, kind: int = 1, more: Tags = ()) -> Event:
    if form == "nip97":
        return _nip97(compact(signature), (), text, more, kind)
    if form == "nostringer":
        value = {"message": text, "ring_members": hex_of(*RING), "ring_signature": compact(signature)}
        return make_event(json.dumps(value), more, kind)
    content = f"{text}\n\nRing:\n" + "\n".join(npub_of(*RING)) + f"\n\n{compact(signature)}"
    return make_event(content, more, kind)


def _list_nostringer() -> Iterator[Named]:
    first = sag(TEXT, RING, SIGNER)
    keys, npubs = hex_of(*RING), npub_of(*RING)
    good = {"message": TEXT, "ring_members": keys, "ring_signature": compact(first)}
    whole = json.dumps(good)
    twice = compact(sag(TEXT, (*RING, 2), SIGNER))
    four = compact(sag(TEXT, (*RING, 3), SIGNER))
    two = compact(sag(TEXT, RING[:2], SIGNER, Dialect.TYPESCRIPT))
    for name, content in (
        ("a fourth member", json.dumps({**good, "title": "x"})),
        ("no message", json.dumps({name: value for name, value in good.items() if name != "message"})),
        ("no ring_members", json.dumps({name: value for name, value in good.items() if name != "ring_members"})),
        ("message twice, with one value", whole.replace("{", f'{{"message": "{TEXT}", ', 1)),
        ("message twice, the second is signed", whole.replace("{", '{"message": "We know nothing.", ', 1)),
        ("message twice, once written with an escape", whole.replace("{", '{"m\\u0065ssage": "We know nothing.", ', 1)),
        ("ring_signature twice", whole.replace("{", '{"ring_signature": "", ', 1)),
        ("a JSON signature", json.dumps({**good, "ring_signature": as_json(first)})),
        ("the signature as an object", json.dumps({**good, "ring_signature": json.loads(as_json(first))})),
        ("the message as a number", json.dumps({**good, "message": 1})),
        ("half a surrogate pair, and U+FFFD was signed", _with_half_pair(good)),
        ("members as an object", json.dumps({**good, "ring_members": dict(zip(good, keys, strict=True))})),
        ("members as one string", json.dumps({**good, "ring_members": ",".join(keys)})),
        ("a member that is a number", json.dumps({**good, "ring_members": [1, *keys[1:]]})),
        ("a member in upper case", json.dumps({**good, "ring_members": [keys[0].upper(), *keys[1:]]})),
        ("an npub in upper case", json.dumps({**good, "ring_members": [npubs[0].upper(), *npubs[1:]]})),
        ("an npub with a wrong checksum", json.dumps({**good, "ring_members": [_misspell(npubs[0]), *npubs[1:]]})),
        ("a member with nostr:", json.dumps({**good, "ring_members": ["nostr:" + npubs[0], *npubs[1:]]})),
        ("a member with 0x", json.dumps({**good, "ring_members": ["0x" + keys[0], *keys[1:]]})),
        ("an odd point where the even one signed", json.dumps({**good, "ring_members": ["03" + keys[0], *keys[1:]]})),
        ("a key and its npub", json.dumps({**good, "ring_members": [*keys, npubs[0]], "ring_signature": twice})),
        ("a member that is no point", json.dumps({**good, "ring_members": [*keys, OFF_CURVE], "ring_signature": four})),
        (
            "a ring of two, TypeScript dialect",
            json.dumps({**good, "ring_members": keys[:2], "ring_signature": two}),
        ),
        ("words after the object", whole + " and more"),
        ("a comma too many", whole.replace("}", ",}")),
        ("inside an array", f"[{whole}]"),
    ):
        yield f"nostringer: {name}", make_event(content)


def _with_half_pair(good: Mapping[str, object]) -> str:
    return json.dumps({**good, "message": "\ud83d", "ring_signature": compact(sag("\ufffd", RING, SIGNER))})


def _misspell(npub: str) -> str:
    return npub[:-1] + ("q" if npub[-1] != "q" else "p")
