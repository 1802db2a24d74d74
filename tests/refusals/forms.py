"""Refusals of the message-only forms: two tags, Nostringer's JSON, and a text that holds everything."""

import json
import re
from typing import Any

from coincurve import PrivateKey

from relay.client.signing.draft import Draft
from relay.client.signing.message_forms import make_message_note
from relay.protocol.event import Event
from relay.protocol.ring_terms import Form, Scheme
from tests.refusals.case import Case, Variant
from tests.support.events import KEYS, make_ring


def _make(variant: Variant, form: Form, author: PrivateKey | None = None, **options: Any) -> Event:
    created_at, scope = options.get("created_at"), options.get("scope")
    draft = Draft(
        form=form,
        ring=make_ring(options.get("size", 4 + variant.number)),
        scheme=Scheme.SAG if scope is None else Scheme.BLSAG,
        scope=scope,
        secret=KEYS[variant.number].secret,
        content=variant.word,
        created_at=variant.now if created_at is None else created_at,
    )
    return make_message_note(draft, author or KEYS[20 + variant.number])


def _rewrite(variant: Variant, form: Form, old: str, new: str) -> Event:
    """Return a note with something else in its content."""
    note = _make(variant, form)
    assert old in note.content
    return variant.plain(kind=1, content=note.content.replace(old, new))


def _misspell(variant: Variant) -> Event:
    content = re.sub(r"npub1[a-z0-9]{58}", f"npub1{'q' * 58}", _make(variant, Form.TEXT).content)
    return variant.plain(kind=1, content=content)


def _empty(variant: Variant) -> Event:
    note = _make(variant, Form.NIP97)
    return variant.plain(kind=1, content="", tags=note.tags)


def _number(variant: Variant) -> Event:
    head, ring, tail = _make(variant, Form.TEXT).content.partition("Ring:\n")
    keys, text = tail.rsplit("\n", 1)
    listed = "\n".join(f"{place}. {key}" for place, key in enumerate(keys.split("\n"), start=2))
    return variant.plain(kind=1, content=f"{head}{ring}{listed}\n{text}")


def _list(variant: Variant, listed: str) -> Event:
    """Return a text with something else in the place of its list."""
    signature = _make(variant, Form.TEXT).content.rsplit("\n", 1)[1]
    return variant.plain(kind=1, content=f"{variant.word}\n\n{listed}\n\n{signature}")


def _break(variant: Variant) -> Event:
    content = _make(variant, Form.TEXT).content
    cut = content.rindex("\n") + 200
    return variant.plain(kind=1, content=f"{content[:cut]}\n{content[cut:]}")


def _halve(variant: Variant) -> Event:
    digits = "ab" * 32
    return variant.plain(kind=1, content=f'{variant.word} {{"c0": "{digits}", "s": ["{digits}"')


def _fence(variant: Variant) -> Event:
    return variant.plain(kind=1, content=f"```json\n{_make(variant, Form.NOSTRINGER).content}\n```")


def _odd(variant: Variant) -> Event:
    note = _make(variant, Form.NIP97, scope="poll")
    members = next(tag for tag in note.tags if tag[0] == "ring-members")
    return variant.put(note, "ring-members", *("03" + key for key in members[1:]))


def _two(variant: Variant) -> Event:
    note = _make(variant, Form.NIP97, size=2)
    return variant.plain(kind=1, content=variant.word[:3], tags=note.tags)


def _tag_often(variant: Variant) -> Event:
    note = _make(variant, Form.NIP97)
    return variant.retag(note, *note.tags, *(("t", variant.word),) * 33)


FORMS = [
    Case(
        "invalid: a ring signature over the message alone is for kind 1 only: use the bound form",
        "The ring did not sign the kind: anybody could post the message again under a kind that gives it another meaning.",
        "Post it as kind 1, or sign a bound note: `ringrelay sign`.",
        {"words in another kind": lambda v: v.plain(kind=30_023, tags=_make(v, Form.NIP97).tags, content=v.word)},
    ),
    Case(
        "invalid: the ring did not sign the tag {tag}: leave it out, or use the bound form, which signs all tags",
        "The ring signed the words only, and the named tag could say more: anybody could post the words first, under a "
        "warning or as an answer. Only `p`, `t`, `r`, `imeta` and `nonce` are taken.",
        "Leave the tag out, or sign a bound note: `ringrelay sign`.",
        {
            "words with a scope": lambda v: v.put(_make(v, Form.NIP97), "scope", v.word),
            "words under a subject": lambda v: v.put(_make(v, Form.TEXT), "subject", v.word),
        },
    ),
    Case(
        "invalid: the ring did not sign one of the tags: leave it out, or use the bound form, which signs all tags",
        "The same, where the tag's name is empty, longer than 32 characters, or more than ASCII letters, digits, `-` and `_`.",
        "Leave out all tags but `p`, `t`, `r`, `imeta` and `nonce`.",
        {"words with an odd tag": lambda v: v.put(_make(v, Form.NOSTRINGER), f"a {v.word}", "x")},
    ),
    Case(
        "invalid: the ring did not sign the tag client: your client adds it: switch that off",
        "Many programs write their name into what they post.",
        "Switch that off in the program's settings, or post with another program.",
        {"words from a client": lambda v: v.put(_make(v, Form.NIP97), "client", v.word)},
    ),
    Case(
        "invalid: the tag {tag} does not repeat the signed words: name in p only keys, in t only #hashtags, and elsewhere "
        "only links that stand in them, or leave it out",
        "A tag `p`, `t`, `r` or `imeta` holds something that is not in the words. A relay or a name behind a key must be in "
        "them, too.",
        "Leave the tag out, or what is too much of it. Or write it into the words and sign them again.",
        {"words about another": lambda v: v.put(_make(v, Form.NIP97), "p", v.members[0])},
    ),
    Case(
        "invalid: created_at is more than {ring.max_age_message_forms_s} seconds in the past: in this form the ring did not "
        "sign it, so sign the event again with a later one",
        "The ring signed the words only: anybody could post them first, under a time that puts them below all newer notes.",
        "Sign the event again with a later time. The ring's signature stays as it is.",
        {"old words": lambda v: _make(v, Form.NIP97, created_at=v.now - 700_000)},
    ),
    Case(
        "invalid: an imeta tag has a url, and of m, x and dim each once at most: leave out the rest of it",
        "A tag about a picture says more than its address, type, hash and size, such as a description.",
        "Leave the rest out.",
        {"words with a described picture": lambda v: v.put(_make(v, Form.TEXT), "imeta", f"url {v.word}", "alt x")},
    ),
    Case(
        "invalid: the tags that repeat the signed words have more than {MAX_ELEMENTS} elements: leave some tags out",
        "There are too many tags `p`, `t`, `r` and `imeta`: each is looked for in the words.",
        "Leave some out.",
        {"words with many tags": _tag_often},
    ),
    Case(
        "invalid: the signed message is empty or begins with nostr-ring-note: sign another message",
        "The message is empty, or it begins like the text that the ring of a bound note signs.",
        "Sign another message.",
        {"no words": _empty},
    ),
    Case(
        "invalid: a ring member is not a public key: write an npub without a mistake, or 64 lower-case hex digits",
        "A member is written in another way, or its npub has a wrong checksum.",
        "Copy the key again. The signature stays as it is.",
        {"words of a misspelt npub": _misspell},
        quotes=True,
    ),
    Case(
        "invalid: a key that begins with 03 is not for linkable signatures: sign over keys of 64 hex digits",
        "The owner of such a key would have a second key image.",
        "Sign with the keys' 64 digits.",
        {"linkable words of an odd key": _odd},
    ),
    Case(
        "invalid: this form has exactly one ring-members tag and one ring-signature tag: write each once",
        "One of the two tags is missing, or there twice.",
        "Write each once.",
        {"words with half the tags": lambda v: v.drop(_make(v, Form.NIP97), "ring-signature")},
    ),
    Case(
        "invalid: a ring-signature tag has exactly two elements: put the signature in one text",
        "The tag has no value, or several.",
        "Put the signature in one text.",
        {"words with a signature in two": lambda v: v.put(_make(v, Form.NIP97), "ring-signature", v.word, v.word)},
    ),
    Case(
        'invalid: the ring signature must be a JSON object of "c0" and "s" in lower-case hex: use the ringA encoding',
        "The signature is neither the compact text nor such an object.",
        "Encode it compactly.",
        {"words with a signature of words": lambda v: v.put(_make(v, Form.NIP97), "ring-signature", v.word)},
    ),
    Case(
        "invalid: the content must be a JSON object of message, ring_members (a list of keys) and ring_signature "
        "(ringA...), each once and nothing else: write it as Nostringer does",
        "The content has a `ring_signature`, and a member is missing, unknown, or of another type.",
        "Write it as Nostringer does.",
        {"Nostringer's JSON and more": lambda v: v.plain(kind=1, content=json.dumps({"ring_signature": v.word}))},
    ),
    Case(
        "invalid: the text holds more than one ring signature: write it once",
        "There are two, even two equal ones.",
        "Write the signature once.",
        {"a text with two signatures": lambda v: v.plain(kind=1, content="\n".join([_make(v, Form.TEXT).content] * 2))},
        quotes=True,
    ),
    Case(
        "invalid: the JSON signature in the text is not whole: copy its c0 and s as JSON.stringify prints them, with lower-case "
        "digits and nothing else in it",
        "A text has a `c0` and an `s` as JSON writes them, and not the whole object.",
        "Copy it again, as `JSON.stringify` prints it.",
        {"a text with half a signature": _halve},
    ),
    Case(
        "invalid: the ring signature is broken by a line end or a space: write it in one line, without spaces",
        "What follows the signature is its rest: mail programs break long lines.",
        "Join the lines. The signature is good.",
        {"a text with a broken signature": _break},
    ),
    Case(
        "invalid: the text must list its ring once, as npubs or hex keys in one list: list them that way",
        "There is no key in the text.",
        "Write the members, with nothing but white space, commas, list marks or short names between them.",
        {"a text without a ring": lambda v: _list(v, "")},
    ),
    Case(
        "invalid: a key in the text is not written as keys are read: give an npub its 63 characters, a hex key 64 lower-case "
        "digits without 0x",
        "A key has `0x` before it, capital letters, 130 digits, or is cut.",
        "Write it in another way. The signature stays as it is.",
        {"a text with keys in upper case": lambda v: _list(v, " ".join(v.members).upper())},
        quotes=True,
    ),
    Case(
        "invalid: the text holds a secret key: take it out, stop using that key, and sign with another one",
        "Nostringer's command line prints secret keys beside public ones, and both were copied.",
        "Make a new key: the relay has seen this one.",
        {
            "a text with a secret key": lambda v: _list(
                v, "\n".join(f"Private Key: {key} Public Key: {key}" for key in v.members)
            )
        },
    ),
    Case(
        "invalid: the ring's list has names before keys and behind keys: leave them on one side, so that no sentence runs through "
        "it",
        "Nobody signed the names beside keys, and so much room is enough for a sentence.",
        "Leave the names on one side, or leave them out.",
        {"a text with names all over": lambda v: _list(v, "\n".join(f"Alice: {key} (Bob)" for key in v.members))},
    ),
    Case(
        "invalid: the keys of the ring do not stand in one list: leave nothing but white space, commas, list marks and short names "
        "between two of them",
        "There are several keys, and something else between each two.",
        "Take out what stands between them.",
        {"a text with keys in sentences": lambda v: _list(v, " said that it was so, and ".join(v.members))},
        quotes=True,
    ),
    Case(
        "invalid: the text has several lists of keys that could be its ring: put the line Ring: before the one that signed",
        "Two lists have the same number of keys.",
        "Label the one that is the ring.",
        {
            "a text with two rings": lambda v: _list(
                v, "\nwith the help of all these:\n".join([" ".join(v.members)] * 2)
            )
        },
        quotes=True,
    ),
    Case(
        "invalid: the list of keys ends before it holds all members of the signature: list each once, in their order, with nothing "
        "but white space, commas, list marks and short names between two of them",
        "A key is missing, or what stands behind one of them ends the list.",
        "Complete the list, or take out what stands in it.",
        {"a text with a key too few": lambda v: _list(v, " ".join(v.members[1:]))},
        quotes=True,
    ),
    Case(
        "invalid: the list of keys holds more keys than the signature has members: list those that signed, in their order",
        "Another key stands beside the ring's.",
        "Take it out of the list.",
        {"a text with a key too many": lambda v: _list(v, " ".join([*v.members, v.pubkey]))},
        quotes=True,
    ),
    Case(
        "invalid: the text does not say which words were signed: write them first, or behind a line Message:",
        "There are no words before the ring and the signature, and no label of a message.",
        "Put the words first, or `Message:` before them.",
        {"a text without words": lambda v: v.plain(kind=1, content=_make(v, Form.TEXT).content.replace(v.word, ""))},
    ),
    Case(
        "invalid: JSON with a ring_signature must be the whole note: leave out what stands around it",
        "Nostringer's JSON stands in a fence or among other words, and is read as a text.",
        "Post the JSON alone, or sign a bound note.",
        {"Nostringer's JSON in a fence": _fence},
        quotes=True,
    ),
    Case(
        "invalid: the ring signature does not verify over these words and keys in this order; compare them with what was signed, "
        "letter by letter, as programs change quotes, dashes and spaces, and write keys that began with 03 in all 66 digits",
        "The words, the keys or their order are not those that were signed. What was tried is quoted.",
        "Compare them. To sign again is needed only where they are as they should be.",
        {"other words": lambda v: _rewrite(v, Form.TEXT, v.word, v.word[:3])},
        quotes=True,
    ),
    Case(
        "invalid: the linkable ring signature does not verify over these words and keys in this order; compare them with what was "
        "signed, letter by letter, as programs change quotes, dashes and spaces",
        "The same for a linkable signature.",
        "Compare them.",
        {
            "other linkable words": lambda v: v.plain(
                kind=1, content=v.word[:3], tags=_make(v, Form.NIP97, scope="x").tags
            )
        },
        quotes=True,
    ),
    Case(
        "invalid: the ring signature does not verify over these words and keys in this order in the canonical dialect, which alone "
        "is for two and for keys of 66 digits; compare them with what was signed, letter by letter; write three keys and more all "
        "as npubs, or sign with keys of 66 digits, or with Nostringer in Rust",
        "The same for a ring of two, and for keys written in 66 digits. Over keys of 64 digits Nostringer in TypeScript signs in "
        "another dialect, which these cannot use: a hostile key could move letters between message and ring.",
        "Compare them, or sign again in that way.",
        {"other words of two": _two},
        settings={"ring": {"min_size": 2}},
        quotes=True,
    ),
    Case(
        "invalid: the ring's list is not numbered 1, 2, 3: number it so, or use dashes",
        "A number before a member is not its position. Readers could take it for something that the ring signed.",
        "Number the list from 1, or not at all.",
        {"a text with a list from two": _number},
        quotes=True,
    ),
    Case(
        "invalid: a text with its ring signature has at most {_MAX_LINES} lines: shorten it",
        "The text has too many lines.",
        "Shorten it, or sign a bound note.",
        {"a text of many lines": lambda v: _rewrite(v, Form.TEXT, v.word, v.word + "\n." * 2_600)},
    ),
    Case(
        "invalid: text outside the signed message: leave out all but the message, the ring, the signature and labels such as Ring: "
        "with their colon",
        "There are words in the text that the ring did not sign.",
        "Remove them, or sign them too: `ringrelay sign` makes a note in which the ring signs everything. Lines that are "
        "only a label of docs/ring-notes.md, such as `Ring:`, or `---` may stay; `Ring` without its colon, other labels and "
        "hashtags may not.",
        {"a text and a word more": lambda v: v.plain(kind=1, content=f"{_make(v, Form.TEXT).content}\n{v.word}")},
        quotes=True,
    ),
    Case(
        "invalid: a ring member is listed twice: list each key once",
        "A key is there twice, perhaps as npub and as hex.",
        "List each key once and sign again.",
        {"words of a key twice": lambda v: v.put(_make(v, Form.NIP97), "ring-members", *v.members, v.members[0])},
    ),
    Case(
        "blocked: rings have at most {max_size} members in this form; sign with a smaller one",
        "The ring is larger than the operator takes in these forms (`ring.max_size_message_forms`).",
        "Sign with a smaller ring, or a bound note.",
        {"words of a large ring": lambda v: _make(v, Form.NIP97)},
        settings={"ring": {"max_size_message_forms": 3}},
    ),
    Case(
        "blocked: the note's own pubkey is a member of its ring; use a throwaway key",
        "The key that signs the event is one of the ring. Some relays take it (`ring.allow_author_in_ring`).",
        "Sign the event with a new key.",
        {"words of an author in the ring": lambda v: _make(v, Form.NIP97, author=KEYS[1 - v.number])},
    ),
    Case(
        "duplicate: these words are here already, signed for this ring, and stay here; post nothing, or change them",
        "A stored note has the same words by the same ring, and the same key image if linkable. Where another key posted "
        "them, that key cannot delete them any more; nor can yours.",
        "Nothing: the words are there. To say more, sign other words.",
        {"words of another key": lambda v: (_make(v, Form.NIP97), _make(v, Form.TEXT, author=PrivateKey()))},
    ),
]
