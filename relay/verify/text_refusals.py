"""Why a text cannot be read as a ring note, with what was found in it: for its author, who may not need to sign again.

Only what is refused pays for this search; it takes time linear in the text.
"""

import re
from collections.abc import Sequence
from itertools import islice

from relay.protocol.refusal import Prefix, Rejected
from relay.verify.claim import Candidate
from relay.verify.message_only import TEXT_OUTSIDE
from relay.verify.quoting import quote
from relay.verify.text_labels import find_message, find_other, trim_labels
from relay.verify.text_members import KEY, Block
from relay.verify.text_words import Pieces

# What its author takes for a key, and no form does. Counted runs: no backtracking.
_NEARLY_KEY = re.compile(
    r"(?<![0-9A-Za-z])(?:0[xX][0-9A-Fa-f]{60,130}|[0-9A-Fa-f]{60,130}|(?:npub1|NPUB1|Npub1)[0-9A-Za-z]{40,80}"
    r"|(?:nprofile1|NPROFILE1)[0-9A-Za-z]{40,400})(?![0-9A-Za-z])"
)
# As nostringer_cli prints them beside each other, both in hex; and NIP-19's.
_SECRET = re.compile(r"(?i:private|secret)[ _]?(?i:key)[^\n]{0,20}?[0-9a-f]{64}|nsec1[0-9a-z]{40}")
# The rest of a signature behind a line end or a space.
_REST = re.compile(r"[ \t]*+(?:\r?\n)?[>\t ]*+(?P<rest>[A-Za-z0-9_-]{16,})(?=[ \t]*+(?:\r?\n|\Z))")
_MAX_SHOWN_LISTS = 3


def explain_signature(found: int) -> Rejected:
    """Return the refusal of a text with several whole signatures, or with JSON that is not quite one."""
    if found:
        return Rejected(
            Prefix.INVALID, "the text holds more than one ring signature: write it once", f"{found} signatures"
        )
    return Rejected(
        Prefix.INVALID,
        "the JSON signature in the text is not whole: copy its c0 and s as JSON.stringify prints them, with lower-case digits and "
        "nothing else in it",
    )


def explain_list(texts: tuple[str, str], blocks: Sequence[tuple[str, Block]], responses: int | None) -> Rejected:
    """Return the refusal of a text in which no list of keys is the ring's, or several could be it."""
    if no_key := _find_no_key(texts):
        return no_key
    if not blocks:
        return _explain_single_keys(texts)
    text, block = blocks[0]
    if len(block.keys) < (responses or 0):
        return explain_misfit(texts, text, block, responses or 0)
    return Rejected(
        Prefix.INVALID,
        "the text has several lists of keys that could be its ring: put the line Ring: before the one that signed",
        ", ".join(f"{len(block.keys)} keys from {quote(block.keys[0])} on" for _, block in blocks[:_MAX_SHOWN_LISTS]),
    )


def _explain_single_keys(texts: tuple[str, str]) -> Rejected:
    for text in texts:
        first, second = [*islice(KEY.finditer(text), 2), None, None][:2]
        if first and second:
            return Rejected(
                Prefix.INVALID,
                "the keys of the ring do not stand in one list: leave nothing but white space, commas, list marks and short names "
                "between two of them",
                quote(text[first.end() : second.start()]),
            )
    return Rejected(
        Prefix.INVALID, "the text must list its ring once, as npubs or hex keys in one list: list them that way"
    )


def explain_no_words(pieces: Pieces) -> Rejected:
    """Return the refusal of a text whose words stand nowhere that says that they were signed."""
    others = next((line for piece in pieces if (line := find_other(piece)) is not None), "")
    return Rejected(
        Prefix.INVALID,
        "the text does not say which words were signed: write them first, or behind a line Message:",
        quote(others),
    )


def explain_outside(pieces: Pieces, candidates: Sequence[Candidate]) -> Rejected:
    """Return the refusal of a text with words that nobody signed."""
    # Where a label before ring or signature announces the message, that is the message; else what stands first.
    is_announced = any(find_message(piece, trim_labels(piece)) for piece in pieces[:2])
    found = candidates[-1 if is_announced else 0].found
    if any('"ring_signature"' in piece for piece in pieces):
        return Rejected(
            Prefix.INVALID, "JSON with a ring_signature must be the whole note: leave out what stands around it", found
        )
    return Rejected(Prefix.INVALID, TEXT_OUTSIDE, found)


def explain_cut(signature: str, behind: str) -> Rejected | None:
    """Return the refusal of a signature whose rest stands in the text behind it, None where that is not so."""
    rest = _REST.match(behind)
    if rest is None or KEY.fullmatch(rest["rest"]) or not signature.startswith("ringA"):
        return None
    return Rejected(
        Prefix.INVALID, "the ring signature is broken by a line end or a space: write it in one line, without spaces"
    )


def explain_misfit(texts: tuple[str, str], text: str, block: Block, responses: int) -> Rejected:
    """Return the refusal of a list with another number of keys than its signature has members."""
    if no_key := _find_no_key(texts):
        return no_key
    counted = f"{len(block.keys)} keys for {responses} members"
    if len(block.keys) < responses:
        broken = quote(_find_break(text, block))
        return Rejected(
            Prefix.INVALID,
            "the list of keys ends before it holds all members of the signature: list each once, in their order, with nothing "
            "but white space, commas, list marks and short names between two of them",
            f"{counted}; then {broken}" if broken else counted,
        )
    return Rejected(
        Prefix.INVALID,
        "the list of keys holds more keys than the signature has members: list those that signed, in their order",
        counted,
    )


def _find_no_key(texts: Sequence[str]) -> Rejected | None:
    """Return the refusal of a text in which a secret key stands, or what its author takes for a key and is none."""
    if any(map(_SECRET.search, texts)):
        return Rejected(
            Prefix.INVALID, "the text holds a secret key: take it out, stop using that key, and sign with another one"
        )
    for text in texts:
        for nearly in _NEARLY_KEY.finditer(text):
            if not KEY.fullmatch(nearly[0]):
                return Rejected(
                    Prefix.INVALID,
                    "a key in the text is not written as keys are read: give an npub its 63 characters, a hex key 64 lower-case "
                    "digits without 0x",
                    f"{quote(nearly[0])}, {len(nearly[0])} characters",
                )
    return None


def _find_break(text: str, block: Block) -> str:
    """Return what stands between a list and the next key, behind it or else before it; else the first words behind it."""
    following = KEY.search(text, block.end)
    if following:
        return text[block.end : following.start()].strip()
    *_, before = [None, *KEY.finditer(text, 0, block.start)]
    if before is not None:
        return text[before.end() : block.start].strip()
    return find_other(text[block.end :]) or find_other(text[: block.start].rstrip().rpartition("\n")[2]) or ""
