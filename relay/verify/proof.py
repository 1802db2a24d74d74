"""Ring proofs: detect the claim of a note, and verify it. Knows no policy.

Only the marks in a note decide its form, never what happens to verify: a failure does not lead to another form.
"""

import re

import msgspec

from relay.protocol.event import Event
from relay.protocol.refusal import Prefix, Rejected
from relay.protocol.ring_terms import Form
from relay.verify import form_bound, form_nip97, form_nostringer, form_text, message_only, ring_equations
from relay.verify.claim import MAX_RING, Candidate, Claim, RingProof
from relay.verify.ring_equations import Dialect

_BOUND_MARKS = frozenset({"ring", "ringsig"})
_NIP97_MARKS = frozenset({"ring-members", "ring-signature"})
# The shortest ringA text, for a ring of two, is longer than this. A literal and a counted run need no backtracking.
_RING_A = re.compile(r"ringA[A-Za-z0-9_-]{100}")
# A signature that is broken across lines, cut, or written in another way than JSON.
_PART = re.compile(r"ringA[A-Za-z0-9_-]{8}|\bc0\b[^0-9A-Za-z]{1,8}[0-9A-Fa-f]{32}", re.ASCII)
_JSON_C0 = re.compile(r'"c0"[ \t\r\n]*:[ \t\r\n]*"[0-9A-Fa-f]{64}"')
_JSON_S = re.compile(r'"s"[ \t\r\n]*:[ \t\r\n]*\[[ \t\r\n]*"[0-9A-Fa-f]{64}"')


def detect_claim(event: Event, max_size_message_forms: int = MAX_RING) -> Claim | None:
    """Return what a note claims by its ring signature, None for a note without marks of one. Makes no curve operation.

    `max_size_message_forms` limits the rings of the message-only forms, whose keys are more expensive to read.
    Raises Rejected for a claim that cannot be true.
    """
    form = find_form(event)
    return None if form is None else read_claim(event, form, max_size_message_forms)


def read_claim(event: Event, form: Form, max_size_message_forms: int = MAX_RING) -> Claim:
    """Return the claim of a note in the form that its marks claim. Raises Rejected for a claim that cannot be true.

    About 2 us a member where the ring is in a tag; in a text 55 us an npub, up to 180 us an nprofile, and 10 ms for the rest.
    """
    match form:
        case Form.BOUND:
            return form_bound.read_claim(event)
        case Form.NIP97:
            return form_nip97.read_claim(event, max_size_message_forms)
        case Form.NOSTRINGER:
            return form_nostringer.read_claim(event, max_size_message_forms)
        case Form.TEXT:  # pragma: no branch - mypy sees that there is no other form
            return form_text.read_claim(event, max_size_message_forms)


def read_candidates(event: Event, form: Form) -> tuple[Candidate, ...]:
    """Return what the ring of a message-only note may have signed, without reading its keys. Raises Rejected.

    Much cheaper than the claim, for a note that was verified before.
    """
    match form:
        case Form.NOSTRINGER:
            return (Candidate(form_nostringer.read_message(event.content)),)
        case Form.TEXT:
            return form_text.read_candidates(event.content, event.tags)
        case _:
            return (Candidate(event.content),)


def read_text_claim(text: str, max_size: int = MAX_RING) -> Claim | None:
    """Return the claim of a text without an event: Nostringer's JSON, or a text as people post it. None without a signature.

    Raises Rejected for a claim that cannot be true.
    """
    if _is_nostringer_json(text):
        return form_nostringer.read_text(text, (), max_size)
    return form_text.read_text(text, (), max_size) if _contains_signature(text) else None


def count_members(event: Event, form: Form, max_size_message_forms: int = MAX_RING) -> int | None:
    """Return how many members the ring's tag lists, without reading them. None where the ring is in the content.

    Raises Rejected as `read_claim` does for a number that is refused.
    """
    match form:
        case Form.BOUND:
            return len(form_bound.find_keys(event))
        case Form.NIP97:
            return len(form_nip97.find_keys(event, max_size_message_forms))
        case _:
            return None


def verify_claim(claim: Claim) -> RingProof:
    """Return the proof of a claim: the claim with the text and the dialect that verify. Slow: see Claim.links. Raises Rejected."""
    texts = [candidate.text for candidate in claim.candidates]
    members = list(map(ring_equations.to_member, claim.keys))
    try:
        place, dialect = ring_equations.find_signed(texts, members, claim.signature, claim.dialects)
    except Rejected as rejected:
        raise explain_refusal(claim, rejected) from None
    return conclude(claim, place, dialect)


def conclude(claim: Claim, place: int, dialect: Dialect) -> RingProof:
    """Return the proof of a claim whose ring signed the candidate at this place. Raises Rejected if it says more."""
    candidate = claim.candidates[place]
    if candidate.reason is not None:
        # The relay would serve what the ring did not sign as if it had.
        raise Rejected(Prefix.INVALID, candidate.reason, candidate.found)
    return RingProof(**msgspec.structs.asdict(claim), dialect=dialect, signed_text=candidate.text)


def explain_refusal(claim: Claim, refusal: Rejected) -> Rejected:
    """Return what its author is told of a claim whose signature verifies over no candidate."""
    return refusal if claim.form is Form.BOUND else message_only.explain_unverified(claim, refusal)


def holds_part_of_signature(content: str) -> bool:
    """Return whether a text has something of a ring signature, and not so much of it that the text claims to be ring-signed."""
    return _PART.search(content) is not None


def find_form(event: Event) -> Form | None:
    """Return the form that a note's marks claim, or None. Raises Rejected for the marks of two forms."""
    names = {tag[0] for tag in event.tags}
    is_bound, is_nip97 = not names.isdisjoint(_BOUND_MARKS), not names.isdisjoint(_NIP97_MARKS)
    if is_bound and is_nip97:
        raise Rejected(Prefix.INVALID, "the tags of two forms of ring signature: keep ring and ringsig only")
    if is_bound:
        return Form.BOUND
    if is_nip97:
        return Form.NIP97
    if _is_nostringer_json(event.content):
        return Form.NOSTRINGER
    return Form.TEXT if _contains_signature(event.content) else None


class _Marked(msgspec.Struct):
    ring_signature: msgspec.Raw


def _is_nostringer_json(content: str) -> bool:
    """Return whether the content is a JSON object with a `ring_signature`."""
    if not content.lstrip().startswith("{"):
        return False
    try:
        msgspec.json.decode(content, type=_Marked)
    except RecursionError:
        # Other parsers nest deeper. A note that may have the mark for them is not passed on as a plain note.
        return '"ring_signature"' in content
    except (msgspec.DecodeError, UnicodeError):
        return False
    return True


def _contains_signature(content: str) -> bool:
    """Return whether a text contains a ring signature: a ringA text, or JSON with "c0" and "s"."""
    if _RING_A.search(content):
        return True
    return _JSON_C0.search(content) is not None and _JSON_S.search(content) is not None
