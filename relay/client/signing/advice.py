"""What an author can do about a refusal: found by its words if it is a ringrelay's, else by its prefix (NIP-01)."""

import re
from dataclasses import dataclass

from relay.client.signing.envelope import MAX_POW_BITS


@dataclass(frozen=True, slots=True)
class _Case:
    """The advice for refusals with this prefix and these words in the text."""

    prefix: str
    words: str
    advice: str


_CHANGED = (
    "it was changed after it was signed: publish it as it was printed (`ringrelay verify` checks it), or sign again"
)
# The first match counts. The words are ringrelay's own: a test compares them with its source.
_CASES = (
    _Case(
        "duplicate", "a newer version", "the note's kind keeps one version, and the relay has a later one: use --now"
    ),
    _Case(
        "duplicate",
        "this ring signature is already on another note",
        "the relay has this note, or had it until its author deleted it: to post it once more, sign the message again",
    ),
    _Case(
        "duplicate",
        "these words are here already",
        "the words are there, whoever posted them first, and neither you nor they can delete them now: nothing is left to do",
    ),
    _Case(
        "duplicate",
        "this ring member has already answered",
        "relays take one answer from each member, and yours is there, or you deleted it: nothing is left to do",
    ),
    _Case(
        "blocked",
        "only members of the ring that the target names",
        "answer with the ring of the note itself (its ring tag), if a key of yours is in it",
    ),
    _Case(
        "invalid",
        "a ring-signed poll response must be linkable",
        "sign again with --tag e=ID --scheme blsag --scope 1018:ID, where ID is the id of the poll",
    ),
    _Case(
        "invalid",
        "text outside the signed message",
        "beside what was signed only lines such as Message:, Ring:, Members:, Signature: and --- are allowed; "
        "`ringrelay sign --form text` writes such a text, and without --form the ring signs everything",
    ),
    _Case(
        "invalid",
        "does not verify over these",
        "`ringrelay verify` says the same of it here: correct the copy, and sign again only if the words are right as they stand",
    ),
    _Case(
        "invalid",
        "the ring did not sign the tag",
        "leave that --tag out; or sign again without --form: then the ring signs all tags",
    ),
    _Case(
        "invalid",
        "does not repeat the signed words",
        "leave that --tag out, or say it in the message; or sign again without --form: then the ring signs all tags",
    ),
    _Case("blocked", "its author has deleted", "sign the message again: a new note has a key that deleted nothing"),
    _Case(
        "blocked",
        "looks like a ring signature",
        "copy the signature again, whole; `ringrelay verify --text` checks a text",
    ),
    _Case("blocked", "only accepts ring-signed notes", "sign it as one of a ring: `ringrelay sign --help`"),
    _Case(
        "blocked",
        "linkable rings need at least",
        "sign again with --scheme sag, or add other people's keys to the ring file (`ringrelay ring` collects some)",
    ),
    _Case(
        "blocked",
        "rings need at least",
        "add other people's keys to the ring file (`ringrelay ring` collects some), then sign again",
    ),
    _Case("blocked", "rings have at most", "take keys out of the ring file, then sign again"),
    _Case(
        "blocked",
        "a linkable signature without a scope",
        "sign again with --scheme sag, or with --scheme blsag and a --scope",
    ),
    _Case("blocked", "protected events", "sign again without the tag named -"),
    _Case(
        "blocked",
        "the note holds a secret key",
        "the relay has seen that key now: stop using it, make a new one with `ringrelay keygen`",
    ),
    _Case(
        "invalid",
        "seconds in the future",
        "sign again without --now and --created-at; if that does not help, this machine's clock is wrong",
    ),
    _Case(
        "invalid",
        "seconds in the past",
        "the relay takes no note that old: sign again with a later --created-at, or with --now for the true time",
    ),
    _Case("blocked", "texts that look like secret keys", "remove the words that begin with nsec1, then sign again"),
    _Case("invalid", "the id is not the SHA-256", _CHANGED),
    _Case("invalid", "the event's signature is wrong", _CHANGED),
    _Case("invalid", "the ring signature does not verify", _CHANGED),
    _Case("invalid", "tags; remove some", "sign again with fewer --tag"),
    _Case("invalid", "the event has expired", "sign again with a later expiration tag, or without one"),
    _Case("invalid", "the content is longer", "shorten the message, then sign again"),
    _Case("rate-limited", "ring links a second", "wait a minute; if it is refused again, sign with a smaller ring"),
    _Case("error", "queue is full", "the relay is busy: publish the same note again in a minute"),
    _Case("duplicate", "", "the relay has this note, or one that takes its place: nothing is left to do"),
    _Case("pow", "", "sign again with --pow and as many bits as the relay asks for"),
    _Case(
        "blocked",
        "",
        "the relay does not accept such a note or such a ring: read its terms, or try another relay",
    ),
    _Case("rate-limited", "", "wait a minute, then publish the refused ones again"),
    _Case(
        "invalid",
        "",
        "the relay's text names the fault: correct it and sign again (`ringrelay verify` knows no relay's policy)",
    ),
    _Case("restricted", "", "the relay asks for something first: its text says what, and was not checked here"),
    _Case("mute", "", "the relay keeps the note and shows it to no one: try another relay"),
    _Case("error", "", "the fault is the relay's: publish the same note again later"),
    _Case("auth-required", "", "do not log in: that would tell the relay who posts. Try another relay"),
    _Case("unsupported", "", "the relay does not know what was asked for: try another relay"),
)
# "pow: 17 bits of proof of work are needed for this note (NIP-13)", "pow: difficulty 25 needed".
_BITS = re.compile(r"(?<![0-9A-Za-z-])([0-9]{1,3})(?![0-9])")


def find_advice(reason: str) -> str | None:
    """Return what an author can do about a refusal such as "pow: ...", None for an unknown prefix."""
    prefix, _, text = reason.partition(":")
    bits = find_pow_bits(reason)
    if bits is not None and bits > MAX_POW_BITS:
        return f"more than {MAX_POW_BITS} bits take this program days: try another relay"
    if bits is not None:
        return (
            f"sign again with --pow {bits}; `ringrelay publish URL --ring FILE --key-file FILE < note.txt` signs, and "
            "mines what the relay asks for"
        )
    return next((case.advice for case in _CASES if case.prefix == prefix and case.words in text), None)


def find_closed_advice(reason: str) -> str:
    """Return what a reader can do about a subscription that a relay closed, "" where nothing is known."""
    return {
        "auth-required": "do not log in: that would tell the relay who reads. Try another relay",
        "restricted": "the relay asks for something first: its text says what",
        "blocked": "the relay does not answer this: try another",
        "rate-limited": "wait a minute, then try again",
        "unsupported": "the relay does not know a part of the filter: leave out the options about the ring, or ask another",
        "invalid": "ask for less, or correct the filter as the relay's text says",
        "error": "the fault is the relay's: try again later",
    }.get(reason.partition(":")[0], "")


def find_pow_bits(reason: str) -> int | None:
    """Return how many bits of proof of work a refusal asks for, None where it names no number."""
    prefix, _, text = reason.partition(":")
    found = _BITS.search(text) if prefix == "pow" else None
    return int(found[1]) if found else None
