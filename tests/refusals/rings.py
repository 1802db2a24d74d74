"""Refusals of ring notes."""

from dataclasses import replace
from typing import Any

from relay.client.signing.ring_sign import sign_blsag
from relay.protocol.event import Event
from relay.verify.encoding import RingSignature, decode_ring_a, encode_ring_a
from relay.verify.ring_equations import lift_x
from tests.refusals.case import OFF_CURVE, Case, Elsewhere, Variant
from tests.support.events import KEYS, make_ring

_RING = "tests/unit/test_ring.py"
_ENCODING = "tests/unit/test_encoding.py"
_HARD_TO_REACH = "A second check: a note is refused with another text before it reaches this one."


def _ringsig(event: Event) -> str:
    return next(tag[1] for tag in event.tags if tag[0] == "ringsig")


def _claim(variant: Variant, *ring: str, ringsig: str = "ringA") -> Event:
    """Make a note that claims a ring without anything that its ring could have signed."""
    return variant.plain(kind=1, tags=(("ring", *ring), ("ringsig", ringsig)))


def _answer(variant: Variant, target: str, **options: Any) -> Event:
    return variant.ring(kind=7, tags=(("e", target),), scope=f"7:{target}", **options)


def _decode(event: Event) -> RingSignature:
    return decode_ring_a(_ringsig(event), len(next(tag for tag in event.tags if tag[0] == "ring")) - 1)


def _write(variant: Variant, event: Event, **parts: Any) -> Event:
    """Return a note with other parts in its ring signature."""
    found = _decode(event)
    return variant.put(event, "ringsig", encode_ring_a(replace(found, **parts)))


def _unscoped(variant: Variant, flag: str) -> Event:
    """Make a linkable note under a flag that scopes nothing."""
    note = variant.ring(scope="x")
    members = [lift_x(key) for key in make_ring(4 + variant.number)]
    signature = sign_blsag(b"", members, KEYS[variant.number].secret, flag)
    note = variant.put(variant.drop(note, "J"), "ringsig", encode_ring_a(signature))
    return variant.put(note, "scope", flag)


def _replay(variant: Variant) -> tuple[Event, Event]:
    note = variant.ring()
    return note, variant.retag(note, *note.tags, ("nonce", str(variant.number)))


RINGS = [
    Case(
        "invalid: the tags of two forms of ring signature: keep ring and ringsig only",
        "The note has tags of the bound form and of the NIP draft.",
        "Keep one form.",
        {"two forms": lambda v: v.plain(kind=1, tags=(("ring-members", v.word), ("ring", v.word)))},
    ),
    Case(
        "invalid: a bound ring note has exactly one ring tag: list the members in one",
        "There is a ringsig tag, and no ring tag or several.",
        "List all members in one ring tag and sign again.",
        {
            "no ring tag": lambda v: v.plain(kind=1, tags=(("ringsig", v.word),)),
            "two ring tags": lambda v: v.plain(kind=1, tags=(("ring", v.word), ("ring", v.word))),
        },
    ),
    Case(
        "invalid: a ring must have at least two members: add keys to it",
        "The ring has one member or none.",
        "Add other people's keys. Ten and more hide better.",
        {"a ring of one": lambda v: _claim(v, v.members[0]), "a ring of none": lambda v: _claim(v)},
    ),
    Case(
        "invalid: the ring has more than {MAX_RING} members: sign with a smaller one",
        "The ring is larger than its signature can count. Few relays take a message of that size.",
        "Sign with a smaller ring.",
        {"a ring past counting": lambda v: _claim(v, *(f"{number:064x}" for number in range(65_536 + v.number)))},
        settings={"limits": {"max_message_bytes": 8_000_000, "read_bytes_per_s": 1e9}},
    ),
    Case(
        "blocked: rings have at most {ring.max_size} members here; sign with a smaller one",
        "The ring is larger than the operator takes.",
        "Sign with a smaller ring.",
        {"a large ring": lambda v: v.ring(ring_size=6 + v.number)},
        settings={"ring": {"max_size": 5}},
    ),
    Case(
        "blocked: rings need at least {ring.min_size} members here; add some and sign again",
        "The ring is smaller than the operator takes.",
        "Add other people's keys and sign again.",
        {"a small ring": lambda v: v.ring(ring_size=3)},
    ),
    Case(
        "blocked: linkable rings need at least {ring.min_size_linkable} members here, because the others can clear themselves one "
        "by one until only the signer is left; sign with sag, or add members",
        "The note is linkable, and its ring is smaller than the operator takes of such. Each other member can prove that the "
        "note's key image is not theirs.",
        "Sign with SAG, of which nobody can clear themselves, or add other people's keys.",
        {"a small linkable ring": lambda v: v.ring(scope=v.word)},
        settings={"ring": {"min_size_linkable": 6}},
    ),
    Case(
        "invalid: a ring member is not a public key: use 64 lower-case hex digits",
        "A member is written in another way: upper case, 0x, 66 digits, npub.",
        "Write each key as 64 lower-case hex digits.",
        {
            "a ring of words": lambda v: _claim(v, v.word, v.word),
            "a ring in upper case": lambda v: _claim(v, *(key.upper() for key in v.members)),
        },
    ),
    Case(
        "invalid: the ring's keys are not in strictly ascending order: sort them, each once",
        "The members are not sorted, or one is there twice.",
        "Sort them, each once, and sign again: the order is signed too.",
        {
            "a ring out of order": lambda v: _claim(v, *v.members[::-1]),
            "a key twice": lambda v: _claim(v, v.members[0], *v.members),
        },
    ),
    Case(
        "invalid: the note's own pubkey is a member of its ring: use a throwaway key",
        "The key that signs the event is one of the ring, which points at its owner.",
        "Sign the event with a new key. The ring signature already shows that a member wrote it.",
        {"the author in the ring": lambda v: _claim(v, *sorted([*v.members, v.pubkey]))},
    ),
    Case(
        "invalid: a ring member is not a point on the curve: use real public keys",
        "A member is hexadecimal, but not a public key.",
        "Take real keys and sign again.",
        {
            "a member off the curve": lambda v: v.drop(
                v.put(v.ring(), "ring", *sorted([OFF_CURVE, *v.members[1:]])), "R"
            )
        },
    ),
    Case(
        "invalid: a ring note has at most one nonce tag: leave the others out",
        "There are several nonce tags. The ring does not sign them, so one is allowed.",
        "Keep one.",
        {"two nonces": lambda v: v.retag(n := v.ring(), *n.tags, ("nonce", "1"), ("nonce", "2"))},
    ),
    Case(
        "invalid: the nonce tag holds a decimal number and its target only: mine again",
        "There is something else in the nonce tag, which the ring does not sign.",
        "Mine again, or leave the tag out.",
        {"a nonce of words": lambda v: v.retag(n := v.ring(), *n.tags, ("nonce", v.word))},
    ),
    Case(
        "invalid: a bound ring note has exactly one ringsig tag of two elements: sign again",
        "There is a ring tag, and no ringsig tag, several, or one with more in it.",
        "Put the ring signature into one ringsig tag.",
        {
            "no ringsig": lambda v: v.plain(kind=1, tags=(("ring", *v.members),)),
            "a ringsig of three elements": lambda v: v.put(n := v.ring(), "ringsig", _ringsig(n), v.word),
        },
    ),
    Case(
        "invalid: the ringsig tag must be the last tag, or the last before a nonce: move it to the end",
        "Another tag stands behind the ringsig tag.",
        "Move the ringsig tag to the end and sign the event's new id.",
        {"a late tag": lambda v: v.retag(n := v.ring(), *n.tags, ("t", v.word))},
    ),
    Case(
        "invalid: the ring signature is longer than its ring allows: sign with the ring that the note lists",
        "The signature was made for a larger ring, or is not a signature.",
        "Sign with the ring that the note lists.",
        {"a long ringsig": lambda v: v.put(v.ring(), "ringsig", "ringA" + v.word * 1_000)},
    ),
    Case(
        "invalid: the ring signature must begin with ringA: use Nostringer's compact encoding",
        "The ringsig tag holds another encoding, such as JSON.",
        "Encode it compactly.",
        {"a ringsig of words": lambda v: v.put(v.ring(), "ringsig", v.word)},
    ),
    Case(
        "invalid: the ring signature is cut, changed, or not in Nostringer's compact layout: copy it whole, as it was printed",
        "What follows ringA is not base64url, or its CBOR has another order or form.",
        "Encode it as Nostringer does: a definite map in the order v, c, s, i, l, unpadded base64url.",
        {"a ringsig of another layout": lambda v: v.put(v.ring(), "ringsig", "ringA" + v.word)},
    ),
    Case(
        "invalid: the ring signature must have one response per ring member: sign with the ring that the note lists",
        "The signature was made for a ring of another size.",
        "Sign with the ring that the note lists.",
        {"a member more": lambda v: v.put(v.ring(), "ring", *sorted([*v.members, OFF_CURVE]))},
    ),
    Case(
        "invalid: the ring signature must have one response per ring member: sign again",
        _HARD_TO_REACH,
        "Sign again.",
        Elsewhere(f"{_RING}::test_a_response_too_many_or_too_few_is_refused", "one response per ring member"),
    ),
    Case(
        "invalid: a scalar of the ring signature is zero or not below the curve's order: sign again",
        "A number in the signature is out of range. A correct signer never produces one.",
        "Sign again. If the refusal repeats, use another program.",
        {"a scalar of zero": lambda v: _write(v, v.ring(), c0=bytes(32))},
    ),
    Case(
        "invalid: a scalar of the ring signature is out of range: sign again",
        _HARD_TO_REACH,
        "Sign again.",
        Elsewhere(f"{_RING}::test_scalars_of_zero_past_the_order_or_of_another_length_are_refused", "out of range"),
    ),
    Case(
        "invalid: a key image and a flag belong to blsag, and only to it: sign again",
        _HARD_TO_REACH,
        "Sign again.",
        Elsewhere(f"{_RING}::test_a_key_image_or_a_flag_on_the_wrong_scheme_is_refused", "belong to blsag"),
    ),
    Case(
        "invalid: the key image must be a compressed point of 33 bytes: sign again",
        "The key image of a linkable signature is written in another way.",
        "Sign again.",
        {"a key image of another form": lambda v: _write(v, v.ring(scope=v.word), key_image=b"\x05" + bytes(32))},
    ),
    Case(
        "invalid: the key image is not a point on the curve: sign again",
        "The key image has the right form, but is not a point.",
        "Sign again.",
        {
            "a key image off the curve": lambda v: v.drop(
                _write(v, v.ring(scope=v.word), key_image=b"\x02" + bytes.fromhex(OFF_CURVE)), "J"
            )
        },
    ),
    Case(
        "invalid: the linkability flag must be 1 to 128 bytes: choose another scope",
        "The flag in the signature is empty or too long.",
        "Choose a scope of 1 to 128 bytes and sign again.",
        {"an empty flag": lambda v: _write(v, v.ring(scope=v.word), flag="")},
    ),
    Case(
        "invalid: the linkability flag must be UTF-8: choose another scope",
        "The flag in the signature is not text.",
        "Choose a scope that is text and sign again.",
        Elsewhere(f"{_ENCODING}::test_a_flag_that_is_not_utf_8_or_holds_a_surrogate_is_refused", "UTF-8"),
    ),
    Case(
        "invalid: a scope belongs to a linkable ring signature: sign with blsag, or remove the tag",
        "A note signed with SAG has a scope tag.",
        "Leave the tag out, or sign linkably.",
        {"sag with a scope": lambda v: v.put(v.ring(), "scope", v.word)},
    ),
    Case(
        "invalid: a linkable bound note has exactly one scope tag of 1 to 128 bytes: add it",
        "A note signed with bLSAG has no scope tag, several, or one of the wrong length.",
        "Sign again with one scope.",
        {"no scope": lambda v: v.drop(v.ring(scope=v.word), "scope")},
    ),
    Case(
        "invalid: the scope differs from the one the ring signature was made for: sign again",
        "The scope tag differs from the signature's flag.",
        "Sign again: the scope cannot be changed afterwards.",
        {"another scope": lambda v: v.put(v.ring(scope=v.word), "scope", v.word * 2)},
    ),
    Case(
        "blocked: a linkable signature without a scope links all notes of its signer and can identify them; "
        "sign with sag, or with a scope",
        "The linkable signature's flag scopes nothing.",
        "Sign with SAG, or with a scope of your own.",
        {"a flag that scopes nothing": lambda v: _unscoped(v, "NostringerHp")},
    ),
    Case(
        "invalid: the R tag is not the ring's id: write it once and correctly, or leave it out",
        "The R tag differs from the ring's id, or there are two.",
        "Write the ring's id, or leave the tag out, and sign again.",
        {"another R": lambda v: v.put(v.ring(), "R", v.word)},
    ),
    Case(
        "invalid: a J tag belongs to a linkable ring signature: leave it out",
        "A note signed with SAG, which has no key image, has a J tag.",
        "Leave the tag out and sign again.",
        {"sag with a J": lambda v: v.put(v.ring(), "J", v.word)},
    ),
    Case(
        "invalid: the J tag is not the key image: write it once and correctly, or leave it out",
        "The J tag differs from the signature's key image.",
        "Write the key image, or leave the tag out, and sign again.",
        {"another J": lambda v: v.put(v.ring(scope=v.word), "J", v.word)},
    ),
    Case(
        "invalid: the ring signature does not verify: sign exactly this text with a key of this ring",
        "No member of this ring signed exactly this note: it was changed afterwards, or signed with another key or ring.",
        "Sign the note as it is to be posted, and change nothing afterwards. In a message-only form, "
        "quotation marks, `>` and other line ends around or in the message are changes too, and so is the order of the ring.",
        {
            "another text": lambda v: v.put(v.change(n := v.ring(), content=v.word * 2), "ringsig", _ringsig(n)),
            "another linkable text": lambda v: v.put(
                v.change(n := v.ring(scope=v.word), content=v.word * 2), "ringsig", _ringsig(n)
            ),
        },
    ),
    Case(
        "duplicate: this ring signature is already on another note; sign again to post another",
        "The ring signed something that is or was on another note: only the nonce or the author's signature differ.",
        "Nothing, where the other note is yours. To post another, sign again with the ring.",
        {"signature used": _replay},
    ),
    Case(
        "invalid: a ring-signed poll response must be linkable, with one e tag and the scope 1018:<id of the poll>; "
        "sign it that way",
        "A ring-signed note of kind 1018 (NIP-88) is signed in a way that would let a member respond twice.",
        "Sign with bLSAG and that scope, and name the poll in one `e` tag.",
        {
            "an unlinkable response": lambda v: v.ring(kind=1018, tags=(("e", v.pubkey),)),
            "a response of another scope": lambda v: v.ring(kind=1018, tags=(("e", v.pubkey),), scope=v.word),
        },
    ),
    Case(
        "duplicate: this ring member has already answered; the first answer stands, post nothing",
        "The same member of the ring has reacted to that target, or responded to that poll, even if that answer is gone.",
        "Nothing. Another ring or another throwaway key changes nothing.",
        {"answered": lambda v: (_answer(v, v.pubkey), _answer(v, v.pubkey, created_at=v.now - 5))},
    ),
    Case(
        "blocked: only members of the ring that the target names in its R tag may answer it; sign with that ring",
        "The note that is answered has an R tag with another ring id.",
        "Sign with the ring it names, if a key of yours is in it.",
        {"another ring's answer": lambda v: ((target := v.ring()), _answer(v, target.id, ring_size=6))},
    ),
    Case(
        "rate-limited: at most {limits.ring_links_per_s} ring links a second are verified; wait and try again",
        "One connection sends ring notes faster than the operator allows, beyond a burst. "
        "A note costs a link a member, three if linkable.",
        "Wait, then send the refused ones again.",
        {"links": lambda v: (v.ring(), v.ring())},
        settings={"limits": {"ring_links_per_s": 1e-3, "burst_factor": 6_000}},
    ),
    Case(
        "rate-limited: at most {limits.rows_per_s} tags and ring members a second are stored; wait and try again",
        "One connection sends notes with more tags and ring members than the operator allows, beyond a burst. "
        "A tag counts if its name is one letter, and twice in a deletion request.",
        "Wait, then send the refused ones again.",
        {"rows": lambda v: (v.ring(), v.ring())},
        settings={"limits": {"rows_per_s": 1e-3, "burst_factor": 6_000}},
    ),
]
