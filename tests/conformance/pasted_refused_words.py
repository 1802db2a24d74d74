"""Pasted texts that are not valid for their words: unsigned ones, other ones, none; with what the author must be told.

No refusal sends anybody to sign again for nothing.
"""

from collections.abc import Iterator

from relay.verify.ring_equations import Dialect
from tests.conformance.notes import compact, npub_of, points_of
from tests.conformance.pasting import (
    HEX,
    LINES,
    ME,
    NPUBS,
    RING,
    SIG,
    SIGNER,
    SNOWDEN,
    TWO,
    WORDS,
    Entry,
    found,
    post,
    refuse,
    sign,
)
from tests.conformance.signing import blsag, sag

# Essential words of refusals.
OUTSIDE = "invalid: text outside the signed message: leave out all but the message, the ring, the signature and labels"
NOT_VERIFIED = (
    "does not verify over these words and keys in this order; compare them with what was signed, letter by letter"
)
CANONICAL_ALONE = (
    "does not verify over these words and keys in this order in the canonical dialect, which alone is for two and for keys of "
    "66 digits ... write three keys and more all as npubs, or sign with keys of 66 digits, or with Nostringer in Rust"
)
NO_WORDS = "the text does not say which words were signed: write them first, or behind a line Message:"


def list_refused_words() -> Iterator[Entry]:
    yield from _list_outside()
    yield from _list_unverified()
    yield from _list_dialects()


def _list_outside() -> Iterator[Entry]:
    """Words that nobody signed: the refusal quotes them."""
    labelled = f"Message: {WORDS}"
    for name, words in (
        ("a phone's signature", "Sent from my iPhone"),
        ("a link to a picture", "https://image.example/proof.jpg"),
        ("hashtags", "#leak #nostringer"),
        ("one hashtag", "#leak"),
        ("a link to a verifier", "Verify: https://verify.example/"),
        ("a name", "\u2014 one of us"),
        ("a mention", f"cc nostr:{npub_of(9)[0][:20]}"),
        ("an emoji", "\U0001f511"),
        ("a full stop", "."),
        ("what a verifier says of another signature", "\u2713 Signature was correctly rejected!"),
        ("a sentence", "And the chairman stole it."),
        ("a fence with a word", "```liars"),
    ):
        text = f"{post()}\n\n{words}"
        why = "it stands outside the words that were signed, and readers would take it for the ring's"
        yield refuse(
            f"outside, {name} at the end",
            f"{name} behind the signature",
            text,
            f"{OUTSIDE} ... {found(words[:16])}",
            why,
        )
    for name, text, quoted in (
        (
            "an introduction, Message: labelled",
            f"Signed by me or Edward Snowden.\n\n{post(labelled)}",
            "Signed by me or Edward",
        ),
        ("hashtags before Message:", f"#leak\n\n{post(labelled)}", "#leak"),
        ("a sentence between ring and signature", post(signature=f"And more.\n\n{SIG}"), "And more."),
        ("the signer after the label", post(signature=f"Signature: by the board\n{SIG}"), "Signature: by the board"),
        ("an unknown label", post(signature=f"Signed by the board:\n{SIG}"), "Signed by the board:"),
        ("a count beside the label", post(signature=f"Signature (SAG):\n{SIG}"), "Signature (SAG):"),
        ("a label without a colon", post(signature=f"Signature\n{SIG}"), "Signature"),
        (
            "the Rust build's line with a flag",
            post(signature=f"Signing with BLSAG variant and linkability flag: 'x'...\n{SIG}"),
            "Signing with BLSAG variant",
        ),
        ("emoji as a label", post(signature=f"\u270d\ufe0f {SIG}"), "\u270d"),
        ("an image of Markdown", post(signature=f"![proof](https://image.example/1.png)\n{SIG}"), "![proof](https://"),
        ("a letter that is not ASCII in a label", post(signature=f"\u017fignature:\n{SIG}"), "\u017fignature:"),
        ("marks of direction around it", post(signature=f"\u202eSignature:\n{SIG}"), "Signature:"),
        ("padding of base64", post() + "==", "=="),
    ):
        why = "a relay of ring notes serves nothing in a ring's name that it did not sign"
        yield refuse(f"outside, {name}", name, text, f"{OUTSIDE} ... {found(quoted)}", why)
    introduced = f"This note was signed by me or Edward Snowden:\n\n{post()}"
    why = "without Message: the introduction is read as part of the words, and it was not signed"
    reason = f"{NOT_VERIFIED} ... (found: \u201cThis note was si"
    yield refuse("outside, an introduction", "an introduction, no Message:", introduced, reason, why)
    for name, label in (
        ("an unknown label", "Die Ringleute:"),
        ("a label without a colon", "Ring"),
        ("a count", "Ring (3 members):"),
    ):
        text = post(ring=f"{label}\n{LINES}")
        why = "it is read as the end of the words, and it was not signed; the refusal shows where they seem to end"
        reason = f"{NOT_VERIFIED} ... {label[-10:]}\u201d"
        yield refuse(f"outside, {name} before the ring", f"{label} before the keys", text, reason, why)
    for name, text in (
        ("hashtags before the ring", post(f"{WORDS}\n\n#leak")),
        ("words before a fence", post(f"Leaked today!\n```\n{WORDS}\n```")),
        ("a link before the ring", post(f"{WORDS}\nhttps://image.example/proof.jpg")),
        ("a name before the ring", post(f"{WORDS}\n\n\u2014 Alice")),
        ("the words on the label's line", f"{WORDS} Ring:\n{LINES}\n\n{SIG}"),
    ):
        why = "it is read as part of the words, and it was not signed"
        yield refuse(f"outside, {name}", name, text, NOT_VERIFIED, why)


def _list_unverified() -> Iterator[Entry]:
    for name, text, quoted in (
        ("other words", post("We knew in April."), "We knew in April.\u201d, 17 characters"),
        ("a letter changed", post(WORDS.replace("March", "march")), "We have known since march.\u201d, 26 characters"),
        ("a full stop lost", post(WORDS[:-1]), "We have known since March\u201d, 25 characters"),
        ("a line end in the words lost", post("A b.", signature=sign("A\nb.")), "A b.\u201d, 4 characters"),
        ("two spaces made one", post("A b.", signature=sign("A  b.")), "A b.\u201d, 4 characters"),
        ("a dash made long", post("A \u2014 b.", signature=sign("A -- b.")), "A \u2014 b.\u201d, 6 characters"),
        ("a quote curled", post("It\u2019s so.", signature=sign("It's so.")), "It\u2019s so.\u201d, 8 characters"),
        ("dots joined", post("And\u2026", signature=sign("And...")), "And\u2026\u201d, 4 characters"),
        ("CRLF signed, LF posted", post("A\nb.", signature=sign("A\r\nb.")), "A b.\u201d, 4 characters"),
        ("words in italics", post(f"*{WORDS}*"), "*We have known since March.*\u201d, 28 characters"),
        ("words struck out", post(f"~~{WORDS}~~"), "~~We have known"),
    ):
        why = "what stands there is not what was signed; the refusal shows what it read, and how long that is"
        yield refuse(f"unverified, {name}", name, text, f"{NOT_VERIFIED} ... {quoted}", why)
    text = post(ring="Ring:\n" + "\n".join(npub_of(0, 1, 2)))
    why = "the order of the keys is signed, too"
    yield refuse("unverified, keys in another order", "the keys were sorted", text, f"{NOT_VERIFIED}", why)
    text = post(ring="Ring:\n" + "\n".join(npub_of(2, 0, 3)))
    yield refuse("unverified, another key", "one key of another person", text, NOT_VERIFIED, "it is another ring")
    text = post('" " ', ring=LINES, signature=sign('" " \n\n'))
    why = "whoever puts words into quotes did not sign the white space around them, also where nothing is between the quotes"
    yield refuse("unverified, quotes around nothing", "two quotes, a space between them", text, NOT_VERIFIED, why)
    for name, text in (
        ("words missing", f"Ring:\n{LINES}\n\n{SIG}"),
        ("a label alone", f"Message:\n\nRing:\n{LINES}\n\n{SIG}"),
    ):
        yield refuse(f"unverified, {name}", name, text, NO_WORDS, "there are no words before the ring")
    text = f"Ring:\n{LINES}\n\n{WORDS}\n\n{SIG}"
    why = "behind the ring the words need their label"
    yield refuse(
        "unverified, words behind the ring, no Message:",
        "the ring first, no Message:",
        text,
        f"{NO_WORDS} ... {found(WORDS)}",
        why,
    )
    reserved = "nostr-ring-note:v1:" + "00" * 32
    text = post(reserved, signature=sign(reserved))
    why = "no such signature may be that of a bound note"
    yield refuse(
        "unverified, the words of a bound note",
        "words of form A",
        text,
        "begins with nostr-ring-note: sign another message",
        why,
    )


def _list_dialects() -> Iterator[Entry]:
    two = compact(sag(WORDS, TWO, SIGNER, Dialect.TYPESCRIPT))
    pair = f"Ring:\n{ME}\n{SNOWDEN}"
    why = "in that dialect a hostile key of two could move bytes between message and ring"
    yield refuse(
        "dialect, TypeScript over two keys",
        "two keys as x, TypeScript",
        post(ring=pair, signature=two),
        CANONICAL_ALONE,
        why,
    )
    given = compact(sag(WORDS, RING, SIGNER, Dialect.TYPESCRIPT))
    text = post(ring=f"Ring:\n02{HEX[0]}\n{NPUBS[1]}\n{HEX[2]}", signature=given)
    why = "with keys of two lengths a hostile key could move bytes between message and ring"
    yield refuse(
        "dialect, TypeScript over mixed lengths", "keys of 64 and of 66 digits, TypeScript", text, CANONICAL_ALONE, why
    )
    odd = compact(sag(WORDS, RING, SIGNER, written=points_of(*RING)))
    why = "the ring signed over the other points; posted as npubs the 03 is lost"
    yield refuse(
        "dialect, 03 signed, posted as npubs",
        "03 was dropped",
        post(signature=odd),
        f"{NOT_VERIFIED} ... write keys that began with 03 in all 66 digits",
        why,
    )
    linkable = compact(blsag(WORDS, RING, SIGNER, "march-2026"))
    text = post(ring="Ring:\n" + "\n".join(points_of(*RING)), signature=linkable)
    reason = "a key that begins with 03 is not for linkable signatures"
    why = "its owner would have a second key image"
    yield refuse("dialect, 03 in a linkable signature", "a linkable signature over 03 keys", text, reason, why)
    mixed = compact(blsag(WORDS, TWO, SIGNER, None, Dialect.RELEASE))
    why = "a ring of two is checked in the canonical dialect alone"
    yield refuse(
        "dialect, release 0.1.8 over two keys",
        "the crate 0.1.8, two keys",
        post(ring=pair, signature=mixed),
        "the linkable ring signature does not verify over these words and keys in this order",
        why,
    )
