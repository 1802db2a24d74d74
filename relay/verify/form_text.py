"""The text form: message, members and signature in one text, as people post it. Knows how to tell them apart.

docs/ring-notes.md, form D, is the grammar, and the names here are its names. Everything that is not message, members or
signature must be a label. White space is four characters, and character sets are spelt out, so that all verifiers agree.
"""

import re

from relay.protocol.event import Event, Tag
from relay.protocol.refusal import Prefix, Rejected
from relay.protocol.ring_terms import Form
from relay.verify import message_only, text_refusals
from relay.verify.claim import Candidate, Claim
from relay.verify.encoding import JSON_SIGNATURE, RingSignature, count_responses
from relay.verify.quoting import quote
from relay.verify.text_members import Block, list_blocks
from relay.verify.text_words import QUOTES, Pieces, list_readings, open_quotation

# Each line is examined several times: 99,000 lines took 40 ms, 2,400 take 4 ms. There is room for a ring of a thousand in
# a list and for its indented JSON.
_MAX_LINES = 2_500
_SIGNATURE = re.compile(rf"ringA[A-Za-z0-9_-]{{100,}}|{JSON_SIGNATURE}")
_QUOTED = QUOTES | {"<>", "()", "[]"}


def read_claim(event: Event, max_size: int) -> Claim:
    """Return the claim of a note in this form, with a ring of at most `max_size`. Raises Rejected."""
    message_only.check_envelope(event)
    return read_text(event.content, event.tags, max_size)


def read_text(content: str, tags: tuple[Tag, ...], max_size: int) -> Claim:
    """Return the claim of a text, and of tags that repeat its words, with a ring of at most `max_size`. Raises Rejected."""
    if content.count("\n") >= _MAX_LINES:
        raise Rejected(Prefix.INVALID, f"a text with its ring signature has at most {_MAX_LINES} lines: shorten it")
    before, signature_text, after = _cut_signature(open_quotation(content))
    responses = count_responses(signature_text)
    text, block = _choose_block(before, after, responses)
    message_only.check_max_size(len(block.keys), max_size)
    # Before any key is read: each costs as much as a link.
    if responses not in (None, len(block.keys)):
        _read_signature(signature_text, responses, after)
        raise text_refusals.explain_misfit((before, after), text, block, responses)
    members = message_only.read_members(block.keys, max_size)
    signature = _read_signature(signature_text, len(members.ring), after)
    candidates = _list_candidates(_leave_out(block, text, before, after))
    return message_only.build_claim(Form.TEXT, members, signature, candidates, tags)


def read_candidates(content: str, tags: tuple[Tag, ...]) -> tuple[Candidate, ...]:
    """Return the candidates of a text whose signature was verified before, without reading a key. Raises Rejected."""
    before, signature_text, after = _cut_signature(open_quotation(content))
    text, block = _choose_block(before, after, count_responses(signature_text))
    return message_only.compare_tags(_list_candidates(_leave_out(block, text, before, after)), tags)


def _cut_signature(content: str) -> tuple[str, str, str]:
    """Return the text before the one signature, the signature, and the text after it."""
    found = list(_SIGNATURE.finditer(content))
    if len(found) != 1:
        raise text_refusals.explain_signature(len(found))
    start, end = found[0].span()
    signature = found[0][0]
    # Written as code or as a quoted text: the quotes belong to the signature.
    if not signature.startswith("ringA"):
        return content[:start], signature, content[end:]
    if content[max(0, start - 1) : start] + content[end : end + 1] in _QUOTED:
        start, end = start - 1, end + 1
    return content[:start], signature, content[end:].removeprefix(".")


def _read_signature(text: str, ring_size: int, behind: str) -> RingSignature:
    try:
        return message_only.read_signature(text, ring_size)
    except Rejected as rejected:
        raise text_refusals.explain_cut(text, behind) or rejected from None


def _choose_block(before: str, after: str, responses: int | None) -> tuple[str, Block]:
    """Return the list of keys that is the ring, and the text that it stands in. Raises Rejected."""
    blocks = [(text, block) for text in (before, after) for block in list_blocks(text)]
    labelled = [found for found in blocks if found[1].is_labelled]
    longest = max((len(block.keys) for _, block in labelled or blocks), default=0)
    chosen = [found for found in labelled or blocks if len(found[1].keys) == longest]
    if len(chosen) != 1:
        raise text_refusals.explain_list((before, after), chosen, responses)
    if not chosen[0][1].is_counted:
        found = ", ".join(place for place in chosen[0][1].places if place)
        raise Rejected(
            Prefix.INVALID, "the ring's list is not numbered 1, 2, 3: number it so, or use dashes", found[:40]
        )
    if chosen[0][1].has_names_on_both_sides:
        raise Rejected(
            Prefix.INVALID,
            "the ring's list has names before keys and behind keys: leave them on one side, so that no sentence runs through it",
        )
    return chosen[0]


def _leave_out(block: Block, text: str, before: str, after: str) -> Pieces:
    """Return what stands around the ring's list, which is in the text before the signature or in the one after it."""
    left, right = text[: block.start], text[block.end :]
    return (left, right, after) if text is before else (before, left, right)


def _list_candidates(pieces: Pieces) -> tuple[Candidate, ...]:
    """Return the texts that the ring may have signed. Raises Rejected where none of them is all that the text says."""
    readings = list_readings(pieces)
    if not readings:
        raise text_refusals.explain_no_words(pieces)
    for reading in readings:
        message_only.check_message(reading.words)
    candidates = tuple(
        Candidate(words) if outside is None else Candidate(words, message_only.TEXT_OUTSIDE, quote(outside))
        for words, outside in readings
    )
    if all(candidate.reason is not None for candidate in candidates):
        raise text_refusals.explain_outside(pieces, candidates)
    return candidates
