"""The rules for events that need no curve and no database, cheapest first. Each raises Rejected with what to do next."""

import re
from typing import Any

import msgspec

from relay.limits import AcceptPolicy, Limits, PrivacyPolicy, RingPolicy
from relay.policy.tiers import Tier
from relay.protocol.event import (
    DELETION_REQUEST,
    Event,
    KindClass,
    classify,
    compute_id,
    count_leading_zero_bits,
    encode_event,
    is_expired,
)
from relay.protocol.hex import is_hex32
from relay.protocol.nip19 import NSEC_CANDIDATE, has_nsec_checksum
from relay.protocol.refusal import Prefix, Rejected
from relay.protocol.ring_terms import Form, Scheme
from relay.verify import proof
from relay.verify.answers import POLL_RESPONSE, find_answer
from relay.verify.claim import Claim

_MAX_NSEC_CANDIDATES = 8
_kind = re.compile(r"[0-9]{1,5}")
_MAX_BARE_TAGS = 200
_RING_CLAIMS = frozenset({"R", "J", "scope"})

_LOGIN = 22242  # NIP-42
_VANISH = 62  # NIP-62
_REPOSTS = frozenset({6, 16})  # NIP-18
# For their recipients: direct messages (NIP-04, NIP-17), seals and gift wraps (NIP-59), remote signing (NIP-46). Their tags
# say who writes to whom, so relays should show them to the recipient only, and this one cannot tell who that is. The
# messages of NIP-17 (14, and 15 for files) must never be signed: one that is was leaked, or posted by mistake.
_PRIVATE = frozenset({4, 13, 14, 15, 1059, 21059, 24133})
REFUSED_KINDS = frozenset({_LOGIN, _VANISH}) | _PRIVATE


def check_event(event: Event, now: int, limits: Limits) -> None:
    """Refuse an event that breaks a limit, is of a refused kind, or breaks NIP-01, NIP-40 or NIP-70. `now` is in Unix seconds."""
    check_size(event, limits)
    check_kind(event)
    check_id(event)
    check_time(event, now, limits)
    # NIP-70: only an authenticated author may publish such an event, and this relay authenticates nobody.
    if any(tag[0] == "-" for tag in event.tags):
        raise Rejected(Prefix.BLOCKED, 'protected events are not accepted here; post it without its "-" tag')
    check_holds_no_secret_key(event)


def check_size(event: Event, limits: Limits) -> None:
    """Refuse an event with too long a content or too many tags."""
    if len(event.content) > limits.max_content_chars:
        raise Rejected(Prefix.INVALID, f"the content is longer than {limits.max_content_chars} characters; shorten it")
    if len(event.tags) > limits.max_tags:
        raise Rejected(Prefix.INVALID, f"the event has more than {limits.max_tags} tags; remove some")


def check_kind(event: Event) -> None:
    """Refuse an event that must not be stored or broadcast by its kind, ring-signed or not."""
    if event.kind == _LOGIN:
        # NIP-42: MUST NOT be broadcast. Whoever gets one could log in with it while its challenge lasts.
        raise Rejected(
            Prefix.BLOCKED,
            "a login (kind 22242) is never stored or passed on; send it as AUTH to a relay that asks for it",
        )
    if event.kind in _PRIVATE:
        raise Rejected(
            Prefix.BLOCKED,
            "an event of this kind is for its recipient alone, and anybody could read it here; "
            "send it to a relay that asks readers to authenticate (NIP-42)",
        )
    if event.kind == _VANISH:
        # NIP-62 has legal weight: an OK would be a promise.
        raise Rejected(
            Prefix.BLOCKED,
            "a request to vanish (kind 62) would delete nothing here; "
            "send deletion requests (kind 5) for your events, or ask the operator",
        )
    # NIP-70: reposts MUST NOT embed a protected event.
    if event.kind in _REPOSTS and _embeds_protected(event.content):
        raise Rejected(Prefix.BLOCKED, "the repost embeds a protected event (NIP-70); repost it with an empty content")


def check_plain_kinds(kinds: frozenset[int]) -> None:
    """Refuse a list of accepted kinds with one that is never accepted. Raises ValueError with what to do."""
    if refused := sorted(kinds & REFUSED_KINDS):
        raise ValueError(f"plain_kinds must not contain {', '.join(map(str, refused))}, which the relay never accepts")


def check_id(event: Event) -> None:
    """Refuse an id that is not the SHA-256 of the canonical bytes (NIP-01)."""
    if compute_id(event.pubkey, event.created_at, event.kind, event.tags, event.content) != event.id:
        raise Rejected(
            Prefix.INVALID, "the id is not the SHA-256 of the event as NIP-01 serialises it: compute it again"
        )


def check_time(event: Event, now: int, limits: Limits) -> None:
    """Refuse an event from too far in the future or the past, or one that has expired (NIP-40)."""
    if event.created_at > now + limits.max_ahead_s:
        raise Rejected(
            Prefix.INVALID, f"created_at is more than {limits.max_ahead_s} seconds in the future; set your clock"
        )
    if limits.max_age_s and event.created_at < now - limits.max_age_s:
        raise Rejected(
            Prefix.INVALID,
            f"created_at is more than {limits.max_age_s} seconds in the past; sign it again with a later created_at",
        )
    if is_expired(event, now):
        raise Rejected(Prefix.INVALID, "the event has expired; post it with a later expiration tag or none")


def check_age(event: Event, now: int, ring: RingPolicy) -> None:
    """Refuse an old note in a message-only form. `now` is Unix time in seconds.

    The ring did not sign the time: whoever posts somebody's words first could bury them below all newer notes.
    """
    max_age_s = ring.max_age_message_forms_s
    if not max_age_s or event.created_at >= now - max_age_s or proof.find_form(event) in (None, Form.BOUND):
        return
    raise Rejected(
        Prefix.INVALID,
        f"created_at is more than {ring.max_age_message_forms_s} seconds in the past: in this form the ring did not sign it, "
        "so sign the event again with a later one",
    )


def check_created_at_step(event: Event, now: int, privacy: PrivacyPolicy) -> None:
    """Refuse a ring note whose created_at is finer than the relay's steps, or not in the past. `now` is Unix time in seconds.

    To the second it says when the note was signed, and so in which batch it can have been.
    """
    if privacy.created_at_step_s and (event.created_at % privacy.created_at_step_s or event.created_at > now):
        raise Rejected(
            Prefix.INVALID,
            "created_at says too closely when a ring note was signed: "
            f"sign it again with a multiple of {privacy.created_at_step_s} seconds in the past",
        )


def check_lasts(event: Event, until: int) -> None:
    """Refuse an event that would expire (NIP-40) before it is paid for and published, so that no payment is wasted."""
    if is_expired(event, until):
        raise Rejected(
            Prefix.INVALID,
            "the event expires before it could be paid for and published; post it with a later expiration tag or none",
        )


def check_proof_of_work(event: Event, required_bits: int) -> None:
    """Refuse an id with too little proof of work (NIP-13)."""
    if required_bits == 0:
        return
    if count_leading_zero_bits(event.id) < required_bits:
        raise Rejected(
            Prefix.POW, f"{required_bits} bits of proof of work are needed for this note (NIP-13); mine a nonce"
        )
    # NIP-13: the third value commits to a target, so that a lucky id that was mined for fewer bits is refused.
    for tag in event.tags:
        if tag[0] == "nonce" and len(tag) > 2 and (not tag[2].isdecimal() or int(tag[2][:4]) < required_bits):
            raise Rejected(
                Prefix.POW, f"the nonce tag must commit to at least {required_bits} bits (NIP-13); mine again for them"
            )


def check_holds_no_secret_key(event: Event) -> None:
    """Refuse a note with a valid nsec (NIP-19) anywhere in it: it is a mistake that cannot be undone once published."""
    values = [event.content, *(value for tag in event.tags for value in tag)]
    # One search over everything first: it takes 0.1 ms for a ring of 1,024, the pattern 1.4 ms.
    if "nsec1" not in "\n".join(values).lower():
        return
    candidates = 0
    for text in values:
        for match in NSEC_CANDIDATE.finditer(text):
            if has_nsec_checksum(match[1]):
                raise Rejected(
                    Prefix.BLOCKED,
                    "the note holds a secret key (nsec) and was not stored; remove it, and stop using that key",
                )
            candidates += 1
            # Each costs a checksum in Python, and a note full of them delayed all other clients.
            if candidates == _MAX_NSEC_CANDIDATES:
                raise Rejected(Prefix.BLOCKED, "the note holds many texts that look like secret keys; remove them")


def check_plain(event: Event, accept: AcceptPolicy) -> None:
    """Refuse a note without marks of a ring signature, where the operator wants one."""
    if not accept.plain and event.kind not in accept.plain_kinds:
        if proof.holds_part_of_signature(event.content):
            raise Rejected(
                Prefix.BLOCKED,
                "what looks like a ring signature in the note is not whole, and only ring-signed notes are accepted here; "
                "write it as ringA... in one line without spaces, or as JSON.stringify prints c0 and s",
            )
        raise Rejected(Prefix.BLOCKED, "this relay only accepts ring-signed notes; sign it with a ring")
    # Readers who filter by ring on a relay of verified notes must only get what the ring signed.
    if not accept.plain and any(tag[0] in _RING_CLAIMS for tag in event.tags):
        raise Rejected(Prefix.INVALID, "the tags R, J and scope belong to ring-signed notes; post it without them")


def check_claim(event: Event, claim: Claim, ring: RingPolicy) -> None:
    """Refuse what the operator does not accept of a claim. This needs no curve operation."""
    check_ring(event, claim, ring)
    check_answer(event, claim)


def check_max_ring(members: int, ring: RingPolicy) -> None:
    """Refuse a ring that is larger than the operator accepts."""
    if members > ring.max_size:
        raise Rejected(Prefix.BLOCKED, f"rings have at most {ring.max_size} members here; sign with a smaller one")


def check_ring(event: Event, claim: Claim, ring: RingPolicy) -> None:
    """Refuse a ring whose size, author or linkability the operator does not accept."""
    check_max_ring(len(claim.ring), ring)
    if len(claim.ring) < ring.min_size:
        raise Rejected(Prefix.BLOCKED, f"rings need at least {ring.min_size} members here; add some and sign again")
    # The author's key would point at the signer, or away from them. In a bound note it is invalid on any relay.
    if not ring.allow_author_in_ring and bytes.fromhex(event.pubkey) in claim.ring:
        raise Rejected(Prefix.BLOCKED, "the note's own pubkey is a member of its ring; use a throwaway key")
    if claim.scheme is Scheme.BLSAG and claim.scope is None and not ring.allow_unscoped_linkable:
        raise Rejected(
            Prefix.BLOCKED,
            "a linkable signature without a scope links all notes of its signer and can identify them; "
            "sign with sag, or with a scope",
        )
    # Without a scope the ring's size helps nobody, so that is said first.
    if claim.scheme is Scheme.BLSAG and len(claim.ring) < ring.min_size_linkable:
        raise Rejected(
            Prefix.BLOCKED,
            f"linkable rings need at least {ring.min_size_linkable} members here, because the others can clear themselves one by "
            "one until only the signer is left; sign with sag, or add members",
        )


def check_answer(event: Event, claim: Claim) -> None:
    """Refuse a ring-signed poll response that a member could give twice. Such reactions are accepted, but not counted."""
    if event.kind == POLL_RESPONSE and find_answer(event, claim) is None:
        raise Rejected(
            Prefix.INVALID,
            "a ring-signed poll response must be linkable, with one e tag and the scope 1018:<id of the poll>; sign it that way",
        )


def find_cost_bits(claim: Claim | None, ring: RingPolicy) -> int:
    """Return the bits of proof of work that a note needs for what it costs to verify: 0 for one that costs little."""
    if claim is None or claim.links <= ring.pow_free_links or not ring.pow_hashes_per_link:
        return 0
    return (claim.links * ring.pow_hashes_per_link).bit_length() - 1


def find_bare_deletion(event: Event) -> list[bytes]:
    """Return the ids that a deletion request names (NIP-09). Empty if it has content or any tags but `e` and `k`."""
    if event.kind != DELETION_REQUEST or event.content or len(event.tags) > _MAX_BARE_TAGS:
        return []
    ids = [bytes.fromhex(tag[1]) for tag in event.tags if len(tag) == 2 and tag[0] == "e" and is_hex32(tag[1])]
    others = [tag for tag in event.tags if not (len(tag) == 2 and tag[0] == "k" and _kind.fullmatch(tag[1]))]
    return ids if len(ids) == len(others) else []


def check_tier(event: Event, tier: Tier) -> None:
    """Refuse what a path's price does not cover, whatever the note claims: too large a note, an ephemeral event."""
    if tier.max_kib is not None and len(encode_event(event)) > tier.max_kib * 1024:
        raise Rejected(
            Prefix.INVALID, f"notes have at most {tier.max_kib} KiB on this path; shorten it, or post on another path"
        )
    if tier.price_msat and classify(event.kind) is KindClass.EPHEMERAL:
        raise Rejected(
            Prefix.BLOCKED, "ephemeral events are not stored, so they are not sold; send it on a path without a price"
        )


def check_tier_ring(members: int, tier: Tier) -> None:
    """Refuse a ring that is larger than a path's price covers."""
    if tier.max_ring is not None and members > tier.max_ring:
        raise Rejected(
            Prefix.BLOCKED,
            f"rings have at most {tier.max_ring} members on this path; sign with a smaller one, or post on another path",
        )


class _Embedded(msgspec.Struct):
    # Not as strict as for an event: other parsers may find the tag in what this relay would refuse.
    tags: Any


_decoder = msgspec.json.Decoder(_Embedded)


def _embeds_protected(content: str) -> bool:
    """Return whether a repost's content is the JSON of an event with a "-" tag, or nested too deep to tell."""
    try:
        tags = _decoder.decode(content).tags
    except RecursionError:
        # Other parsers nest deeper, and no event does.
        return True
    except (msgspec.DecodeError, UnicodeError):
        return False
    return isinstance(tags, list) and any(isinstance(tag, list) and tag[:1] == ["-"] for tag in tags)
