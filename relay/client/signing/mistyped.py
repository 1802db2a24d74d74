"""The words for what people write in place of a key. They repeat nothing of it, as it may be a secret."""

import re

from relay.protocol.nip19 import NSEC_CANDIDATE, decode_nsec, has_nsec_checksum

# Also those that word processors make of them.
QUOTES = "\"'`´“”„‟‘’‚‛«»‹›"
_NSEC_CHARS = 63
_KEY_DIGITS = 64
_NO_BECH32 = re.compile(r"[^02-9ac-hj-np-z]")
_HEX = re.compile(r"(?:0x)?[0-9a-f]+")
_POINT = re.compile(r"0[23][0-9a-f]{64}|04[0-9a-f]{128}")
# BIP-39: 12 to 24 words of a list, often with numbers before them. The lists are of ten languages, so the shape must do.
_SEED_SIZES = frozenset({12, 15, 18, 21, 24})
_NUMBERING = re.compile(r"[0-9]{1,2}[.):]?")
_WORD = re.compile(r"[^\W\d_]{1,12}")
_OF_NOTES = ("note1", "nevent1", "naddr1")
_PUBLIC = ("npub1", "nprofile1")


def explain_secret(text: str) -> str:
    """Return what is wrong with a text that should be an nsec or 64 hex digits and is neither."""
    lowered = text.lower()
    found = _explain_both(text)
    if found:
        return found
    if lowered.startswith("nostr:"):
        return "nostr: is for what may be shared, and a secret key may not: leave nostr: out"
    if lowered.startswith(_PUBLIC) or _POINT.fullmatch(lowered):
        return "this is a public key where the secret one belongs: put the nsec there"
    if lowered.startswith("ncryptsec1"):
        return "a letter of the ncryptsec is wrong, missing or too many: copy it again, whole"
    if lowered.startswith("nsec1"):
        return _explain_nsec(text)
    if any(map(has_nsec_checksum, NSEC_CANDIDATE.findall(text))):
        return "there is more than the key: leave the nsec alone there, without a name or sign before it or behind it"
    if _HEX.fullmatch(lowered):
        return _explain_hex(lowered, "the secret key")
    if "PRIVATE KEY" in text:
        return "this is a key of another kind, as of SSH or TLS: put your Nostr key there, an nsec"
    return "not a secret key: it must be an nsec, whole, or 64 hex digits"


def explain_public(text: str) -> str:
    """Return what is wrong with a text that should be a public key and is none."""
    lowered = text.lower()
    found = _explain_both(text)
    if found:
        return found
    if lowered.startswith(_PUBLIC):
        name = lowered.partition("1")[0]
        return f"the {name} has a wrong checksum or length: copy it again, whole"
    if _HEX.fullmatch(lowered):
        return _explain_hex(lowered, "the key")
    if "@" in text and not any(map(str.isspace, text)):
        return "a name at a domain is no key: `ringrelay ring NAME@DOMAIN` asks the domain for it"
    return "not a public key: write an npub, an nprofile or 64 hex digits"


def explain_lines(lines: list[str]) -> str:
    """Return what is wrong with a file of these lines where one key should be on one line."""
    if not lines:
        return "holds no key: it must hold one, an nsec, an ncryptsec or 64 hex digits"
    found = _explain_both(" ".join(lines))
    if found:
        return found
    return (
        f"must hold one secret key (an nsec, an ncryptsec or 64 hex digits) on one line, and holds {len(lines)} lines: "
        "put # before the others"
    )


def is_seed(text: str) -> bool:
    """Return whether a text looks like the seed words of a wallet."""
    parts = re.split(r"[\s,;]+", text.strip())
    words = [word for part in parts if (word := _NUMBERING.sub("", part, count=1) if part[:1].isdigit() else part)]
    return len(words) in _SEED_SIZES and all(map(_WORD.fullmatch, words))


def _explain_both(text: str) -> str:
    """Return what is wrong in place of any key, "" where it is something else."""
    if not text:
        return "there is no key: write it down, whole"
    if is_seed(text):
        return (
            "seed words are not a key: the app that gave them to you shows the key made of them. Export that (nsec), and "
            "keep the words to yourself"
        )
    if text[0] in "{[":
        return "this is JSON: put the key alone there, without names, brackets and quotes"
    if text[0] in QUOTES or text[-1] in QUOTES:
        return "there are quotes round the key: take them out"
    if text.lower().startswith(_OF_NOTES):
        return "this is the address of a note, not a key"
    return ""


def _explain_nsec(text: str) -> str:
    lowered = text.lower()
    if decode_nsec(lowered) is not None:
        return "the nsec has some letters in capitals: write all of them small"
    if any(map(str.isspace, text)):
        return "there is white space inside the nsec, or something behind it: leave the nsec alone there, in one piece"
    if _NO_BECH32.search(lowered[5:]):
        return "the nsec has a letter or sign that no nsec has, such as b, i, o, or 1 behind its beginning: compare it again"
    if len(text) != _NSEC_CHARS:
        return f"the nsec has {len(text)} letters, and a whole one has {_NSEC_CHARS}: copy it again, whole"
    return "a letter of the nsec is wrong, or two are swapped, as its checksum tells: compare it again, or copy it"


def _explain_hex(lowered: str, what: str) -> str:
    if lowered.startswith("0x"):
        return f"{what} is written without 0x, as 64 hex digits alone: leave 0x out"
    return f"{what} has {_KEY_DIGITS} hex digits, and here are {len(lowered)}: copy it again, whole"
