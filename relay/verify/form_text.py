"""The text form: message, members and signature in one text, as people post it. Knows how to tell them apart.

docs/ring-notes.md, form D, is the grammar, and the names here are its names. Everything that is not message, members or
signature must be a label. White space is four characters, and character sets are spelt out, so that all verifiers agree.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from relay.protocol.event import Event
from relay.protocol.hex import HEX32
from relay.protocol.nip19 import NPUB
from relay.protocol.refusal import Prefix, Rejected
from relay.protocol.ring_terms import Form
from relay.verify import message_only, text_labels
from relay.verify.claim import Candidate, Claim
from relay.verify.encoding import JSON_SIGNATURE
from relay.verify.text_labels import Span

# Each line is examined several times: 99,000 lines took 40 ms, 2,400 take 4 ms. There is room for a ring of a thousand in
# a list and for its indented JSON.
_MAX_LINES = 2_500
_SIGNATURE = re.compile(rf"ringA[A-Za-z0-9_-]{{100,}}|{JSON_SIGNATURE}")
_QUOTED = frozenset({'""', "''", "``"})
_KEY = re.compile(
    rf"(?<![0-9A-Za-z])(?:{HEX32}|(?:nostr:)?{NPUB})(?![0-9A-Za-z])",
)
_Q = r"[\"'`]?"
# Possessive: nothing that follows white space here begins with it, so backtracking through 90,000 of it is useless.
_WS = r"[ \t\r\n]*+"
_MARK = r"(?:[-*]|(?P<place>[0-9]{1,4})[.)])[ \t]++"
_OPEN = rf"(?:\[{_WS})?{_Q}"
_CLOSE = rf"{_Q}(?:{_WS}\])?"
# BEFORE, reversed, for a reversed text: searching a whole text for a match at its end took 8 ms.
_BEFORE_REVERSED = re.compile(rf"{_Q}(?:{_WS}\[)?(?:[ \t]++(?:[-*]|[.)](?P<place>[0-9]{{1,4}}))(?![^ \t\r\n]))?")
_GAP = re.compile(rf"{_CLOSE}{_WS}(?:,{_WS})?(?:(?<=[ \t\r\n]){_MARK})?{_OPEN}")
_AFTER = re.compile(rf"{_CLOSE},?")


@dataclass(frozen=True, slots=True)
class _Block:
    """The members' block: its place in the text, and the keys as they are written there."""

    start: int
    end: int
    keys: tuple[str, ...]


def read_claim(event: Event, max_size: int) -> Claim:
    """Return the claim of a note in this form, with a ring of at most `max_size`. Raises Rejected."""
    message_only.check_envelope(event)
    if event.content.count("\n") >= _MAX_LINES:
        raise Rejected(Prefix.INVALID, f"a text with its ring signature has at most {_MAX_LINES} lines: shorten it")
    before, signature_text, after = _cut_signature(event.content)
    pieces, keys = _cut_members(before, after)
    ring = message_only.read_ring(keys, max_size)
    signature = message_only.read_signature(signature_text, len(ring))
    return message_only.build_claim(Form.TEXT, ring, signature, _list_candidates(pieces), event.tags)


def _cut_signature(content: str) -> tuple[str, str, str]:
    """Return the text before the one signature, the signature, and the text after it."""
    found = list(_SIGNATURE.finditer(content))
    if len(found) != 1:
        raise Rejected(
            Prefix.INVALID, "the text must hold exactly one whole ring signature, ringA... or JSON: write it once"
        )
    start, end = found[0].span()
    signature = found[0][0]
    # Written as code or as a quoted text: the quotes belong to the signature.
    if signature.startswith("ringA") and content[max(0, start - 1) : start] + content[end : end + 1] in _QUOTED:
        return content[: start - 1], signature, content[end + 1 :]
    return content[:start], signature, content[end:]


def _cut_members(before: str, after: str) -> tuple[tuple[str, str, str], tuple[str, ...]]:
    """Return the remaining three pieces, head, middle and tail, and the keys as they are written."""
    runs = [(text, run) for text in (before, after) for run in _list_runs(text)]
    longest = max((len(run) for _, run in runs), default=0)
    chosen = [(text, run) for text, run in runs if len(run) == longest]
    if len(chosen) != 1:
        raise Rejected(
            Prefix.INVALID, "the text must list its ring once, as npubs or hex keys in one run: list them that way"
        )
    text, run = chosen[0]
    block = _read_block(text, run)
    left, right = text[: block.start], text[block.end :]
    pieces = (left, right, after) if text is before else (before, left, right)
    return pieces, block.keys


def _list_runs(text: str) -> list[list[re.Match[str]]]:
    """Return the runs of keys: keys with only list separators between them."""
    runs: list[list[re.Match[str]]] = []
    for key in _KEY.finditer(text):
        if runs and _GAP.fullmatch(text[runs[-1][-1].end() : key.start()]):
            runs[-1].append(key)
        else:
            runs.append([key])
    return runs


def _read_block(text: str, run: list[re.Match[str]]) -> _Block:
    size, first_place = _read_before(text[: run[0].start()])
    gaps = [_GAP.fullmatch(text[one.end() : other.start()]) for one, other in pairwise(run)]
    after = _AFTER.match(text, run[-1].end())
    end = run[-1].end() if after is None else after.end()
    for place, number in enumerate((first_place, *(gap and gap["place"] for gap in gaps)), start=1):
        # A number that is not the entry's position could be read as content.
        if number not in (None, str(place)):
            raise Rejected(Prefix.INVALID, "the ring's list is not numbered 1, 2, 3: number it so, or use dashes")
    return _Block(run[0].start() - size, end, tuple(key[0].removeprefix("nostr:") for key in run))


def _read_before(head: str) -> tuple[int, str | None]:
    """Return how many characters at the end of a text open the list that follows, and the number of its first entry."""
    found = _BEFORE_REVERSED.match(head[::-1])
    if found is None:  # pragma: no cover - every part of the pattern is optional, so it always matches
        return 0, None
    return found.end(), None if found["place"] is None else found["place"][::-1]


def _list_candidates(pieces: tuple[str, str, str]) -> tuple[Candidate, ...]:
    """Return the texts that the ring may have signed: at most four, each once."""
    found: dict[str, Candidate] = {}
    for piece, span in _list_spans(pieces):
        text = pieces[piece][span.start : span.end]
        if text and text not in found:
            found[text] = Candidate(text, None if _is_whole(pieces, piece, span) else message_only.TEXT_OUTSIDE)
    candidates = tuple(found.values())
    for text in found or [""]:
        message_only.check_message(text)
    if all(candidate.reason is not None for candidate in candidates):
        raise Rejected(Prefix.INVALID, message_only.TEXT_OUTSIDE)
    return candidates


def _list_spans(pieces: tuple[str, str, str]) -> list[tuple[int, Span]]:
    """Return (piece, span) of each candidate: the head as written, stripped, trimmed, and the text after a label."""
    head = pieces[0]
    trimmed = text_labels.trim_labels(head)
    labelled, value = 0, trimmed
    for place, piece in enumerate(pieces):
        named = text_labels.find_message(piece, text_labels.trim_labels(piece))
        if named is not None:
            labelled, value = place, named
            break
    fenced = text_labels.open_fence(pieces[labelled], value)
    return [
        (0, Span(0, len(head))),
        (0, text_labels.strip_white_space(head, Span(0, len(head)))),
        (0, trimmed),
        (labelled, fenced),
    ]


def _is_whole(pieces: tuple[str, str, str], piece: int, span: Span) -> bool:
    """Return whether only labels are around a candidate, so that the note has no text that the ring did not sign."""
    around = [pieces[piece][: span.start], pieces[piece][span.end :]]
    others = [text for place, text in enumerate(pieces) if place != piece]
    return all(map(text_labels.is_labels, around + others))
