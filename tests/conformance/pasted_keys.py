"""Pasted texts whose keys are written in many ways, in all schemes and dialects."""

from collections.abc import Iterator

from relay.verify.ring_equations import Dialect
from tests.conformance.notes import as_json, compact, hex_of, nprofile_of, npub_of, points_of
from tests.conformance.pasting import (
    BY_TWO,
    HEX,
    LINES,
    ME,
    NPUBS,
    RING,
    SIG_LINKABLE,
    SIG_TYPESCRIPT,
    SIGNER,
    SNOWDEN,
    TWO,
    WORDS,
    Entry,
    Signed,
    accept,
    post,
)
from tests.conformance.signing import blsag, rotate, sag

EVEN = (1, 4, 6)  # their secrets' own points have an even y
FAR = ("wss://relay.example.org", "wss://relay.damus.example", "wss://a-relay-with-a-long-name.example.net")


def list_keys() -> Iterator[Entry]:
    yield from _list_spellings()
    yield from _list_points()
    yield from _list_schemes()


def _list_spellings() -> Iterator[Entry]:
    """Keys as x alone, one way of writing after another."""
    links = "\n".join("nostr:" + npub for npub in NPUBS)
    profiles = [nprofile_of(number) for number in RING]
    for name, ring, why in (
        ("npubs", LINES, "what clients copy"),
        ("hex keys", "\n".join(HEX), "what Nostringer takes and prints"),
        ("nostr: links", links, "what clients make of a mention (NIP-21)"),
        ("@npubs", "\n".join("@" + npub for npub in NPUBS), "what people type to mention somebody"),
        ("@nostr: links", "\n".join("@nostr:" + npub for npub in NPUBS), "a mention typed before a copied link"),
        ("nprofiles", "\n".join(profiles), "what newer clients copy as a profile"),
        ("nostr:nprofile links", "\n".join("nostr:" + one for one in profiles), "what newer clients make of a mention"),
        (
            "nprofiles with three relays",
            "\n".join(nprofile_of(number, FAR) for number in RING),
            "a profile names its relays; they are no part of the key",
        ),
        (
            "nprofiles without relays",
            "\n".join(nprofile_of(number, ()) for number in RING),
            "a profile need not name a relay",
        ),
        (
            "nprofiles with the key last",
            "\n".join(nprofile_of(number, key_last=True) for number in RING),
            "NIP-19 fixes no order of the entries",
        ),
        ("npub, hex and nprofile mixed", f"{NPUBS[0]}\n{HEX[1]}\nnostr:{profiles[2]}", "keys come from several places"),
        ("keys in backticks", "\n".join(f"`{npub}`" for npub in NPUBS), "Markdown for code"),
        ("bold keys", "\n".join(f"**{npub}**" for npub in NPUBS), "Markdown for emphasis"),
        ("keys in straight quotes", "\n".join(f'"{npub}"' for npub in NPUBS), "copied out of a program"),
        (
            "keys in curly quotes",
            "\n".join(f"\u201c{npub}\u201d" for npub in NPUBS),
            "a phone or a word processor curls quotes",
        ),
        ("keys in guillemets", "\n".join(f"\u00ab{npub}\u00bb" for npub in NPUBS), "quotes of several languages"),
        ("keys in low quotes", "\n".join(f"\u201e{npub}\u201c" for npub in NPUBS), "German quotes"),
        ("keys in angle brackets", "\n".join(f"<{npub}>" for npub in NPUBS), "how mail marks addresses and links"),
        ("keys in square brackets", "\n".join(f"[{npub}]" for npub in NPUBS), "half a Markdown link"),
        ("keys in round brackets", "\n".join(f"({npub})" for npub in NPUBS), "an aside"),
    ):
        yield accept(f"keys, {name}", name, post(ring=f"Ring:\n{ring}"), why)


def _list_points() -> Iterator[Entry]:
    """Keys of 66 digits, as both of Nostringer's key generators make them."""
    odd, points = sag(WORDS, RING, SIGNER, written=points_of(*RING)), "\n".join(points_of(*RING))
    even = compact(sag(WORDS, EVEN, 4))
    by_even = Signed(ring=EVEN)
    prefixed = "\n".join("02" + key for key in HEX)
    mixed = sag(WORDS, RING, SIGNER, written=[points_of(2)[0], *HEX[1:]])
    text = post(ring=f"Ring:\n{points}", signature=compact(odd))
    yield accept(
        "keys, 66 digits, 02 and 03", "66 hex digits, two keys of them with 03", text, "the default of its generators"
    )
    text = post(ring=f"Ring:\n{points}", signature=as_json(odd, indent=2))
    yield accept(
        "keys, 66 digits, JSON signature", "66 hex digits and a JSON signature", text, "what the TypeScript build makes"
    )
    text = post(ring="Ring:\n" + "\n".join(points_of(*EVEN)), signature=even)
    yield accept("keys, 66 digits, all 02", "66 hex digits, all with 02", text, "02 and x is the key itself", by_even)
    text = post(ring="Ring:\n" + "\n".join(npub_of(*EVEN)), signature=even)
    why = "signed over 66 digits with 02, posted as npubs: the same bytes were hashed"
    yield accept("keys, 02 signed, posted as npubs", "npubs of keys that were signed as 02", text, why, by_even)
    text = post(ring=f"Ring:\n{prefixed}")
    yield accept(
        "keys, 02 before x of any key", "02 written before Nostr keys", text, "a Nostr key is the point with an even y"
    )
    written = f"{points_of(2)[0]}\n{NPUBS[1]}\n{HEX[2]}"
    text = post(ring=f"Ring:\n{written}", signature=compact(mixed))
    yield accept(
        "keys, 03, npub and hex",
        "one key of 66 digits with 03, an npub, a hex key",
        text,
        "each is hashed as it is written",
    )
    text = post(ring=f"Ring:\n02{HEX[0]}\n{NPUBS[1]}\n{HEX[2]}")
    yield accept(
        "keys, 02, npub and hex", "one key of 66 digits with 02, an npub, a hex key", text, "canonical alone is tried"
    )
    two = compact(sag(WORDS, TWO, SIGNER, written=points_of(*TWO)))
    text = post(ring="Ring:\n" + "\n".join(points_of(*TWO)), signature=two)
    yield accept(
        "keys, two of 66 digits", "a ring of two keys of 66 digits", text, "both builds sign them alike", BY_TWO
    )


def _list_schemes() -> Iterator[Entry]:
    """Schemes and dialects; in the JSON signature there are only SAGs."""
    typescript = Signed(dialect="typescript")
    linkable = Signed(scheme="blsag")
    hex_ring, even_points = "Ring:\n" + "\n".join(HEX), "Ring:\n" + "\n".join(points_of(*EVEN))
    given = sag(WORDS, RING, SIGNER, Dialect.TYPESCRIPT)
    release = compact(blsag(WORDS, RING, SIGNER, None, Dialect.RELEASE))
    turned, order = rotate(blsag(WORDS, RING, SIGNER, "march-2026"), WORDS, RING)
    for name, ring, signature, signed, why in (
        ("TypeScript dialect, hex", hex_ring, as_json(given), typescript, "that build hashes 32 bytes a key"),
        ("TypeScript dialect, npubs", f"Ring:\n{LINES}", SIG_TYPESCRIPT, typescript, "npubs are the same 32 bytes"),
        (
            "TypeScript dialect, nprofiles and hex",
            f"Ring:\n{nprofile_of(2)}\n{HEX[1]}\n{NPUBS[2]}",
            SIG_TYPESCRIPT,
            typescript,
            "all are written as x alone",
        ),
        ("linkable, a flag", hex_ring, SIG_LINKABLE, linkable, "Nostringer in Rust with a linkability flag"),
        ("linkable, no flag", hex_ring, compact(blsag(WORDS, RING, SIGNER, None)), linkable, "its default"),
        ("linkable, release 0.1.8", hex_ring, release, Signed(dialect="rust-0.1.8", scheme="blsag"), "that crate"),
        (
            "linkable, keys with 02",
            even_points,
            compact(blsag(WORDS, EVEN, 4, "march-2026")),
            Signed(ring=EVEN, scheme="blsag"),
            "02 and x is the key itself, so its owner has one key image",
        ),
        (
            "linkable, two keys",
            f"Ring: {ME}, {SNOWDEN}",
            compact(blsag(WORDS, TWO, SIGNER, "march-2026")),
            Signed(ring=TWO, scheme="blsag"),
            "a small ring is the author's choice; a relay may ask for more members",
        ),
        (
            "linkable, rotated",
            "Ring:\n" + "\n".join(hex_of(*order)),
            compact(turned),
            linkable,
            "anybody can turn it; it says the same of the same member",
        ),
    ):
        yield accept(f"scheme, {name}", name, post(ring=ring, signature=signature), why, signed)
