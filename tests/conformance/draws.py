"""Ring notes assembled from the parts of their grammar, each drawn from a seed: most right, some slightly wrong.

Mutations begin with one of the vectors and stay near it. These begin with nothing, and reach what no vector has.
"""

import json
import random
import re
from collections.abc import Callable, Sequence
from itertools import pairwise

from relay.protocol.event import Event
from relay.verify.encoding import RingSignature
from relay.verify.ring_equations import Dialect
from tests.conformance.drawn_labels import INVISIBLE, draw_label, often
from tests.conformance.drawn_members import MARKS, Member, draw_list, draw_member, draw_ring
from tests.conformance.drawn_messages import BREAKS, FENCES, PAIRS, RULES, WORDS, draw_message
from tests.conformance.notes import as_json, compact, make_event
from tests.conformance.signing import blsag, sag

_LINES = (
    *("", ">", "> ", "> Ring:", ">> Ring:", "words", "And more.", "#tag", "Ring", "ring:", "Message:"),
    *("Signature: mine", "\ufeff", "\u00a0Ring:\u200b", "```", "```json", "\u2028", "\u017fignature:", "Ring:\x0b"),
    *("1.", "-", ">Note:", "✓ Signature is valid!", "Is ring signature valid? true", "Signing with SAG variant..."),
    *("Signature valid: false",),
)
QUOTES = ("'", '"', "`", "**", "__", "“", "”", "«", "_", "*", "„", "’")


def draw_note(rng: random.Random) -> tuple[str, Event]:
    """Return one of the message-only forms, most often form D, and a note of it."""
    form, draw = rng.choices(_FORMS, (10, 1, 1))[0]
    return form, draw(rng)


def sign(rng: random.Random, text: str, ring: Sequence[int], members: Sequence[Member]) -> RingSignature:
    """Sign in a scheme and a dialect that the ring allows, or by a chance in another."""
    keys = [member.key for member in members]
    signer = rng.choice(ring)
    if rng.random() < 0.12:
        flag = rng.choice((None, None, "poll"))
        dialect = rng.choice((Dialect.CANONICAL, Dialect.RELEASE)) if flag is None else Dialect.CANONICAL
        return blsag(text, ring, signer, flag, dialect)
    dialect = Dialect.TYPESCRIPT if rng.random() < 0.2 else Dialect.CANONICAL
    return sag(text, ring, signer, dialect, written=keys)


def _draw_nip97(rng: random.Random) -> Event:
    ring, members = draw_ring(rng)
    text = rng.choice(WORDS)
    signature = sign(rng, text, ring, members)
    written = as_json(signature, rng.choice((None, 1))) if rng.random() < 0.3 else compact(signature)
    keys = [often(rng, "", ("@", "nostr:", "0x", " "), 0.12) + member.text for member in members]
    return make_event(text, [["ring-members", *keys], ["ring-signature", written]])


def _draw_nostringer(rng: random.Random) -> Event:
    ring, members = draw_ring(rng)
    text = rng.choice(WORDS)
    keys = [often(rng, "", ("@", "nostr:", "0x", " "), 0.12) + member.text for member in members]
    value = {"message": text, "ring_members": keys, "ring_signature": compact(sign(rng, text, ring, members))}
    return make_event(json.dumps(value, ensure_ascii=rng.random() < 0.5))


def _draw_text(rng: random.Random) -> Event:
    ring, members = draw_ring(rng)
    signed, message = draw_message(rng)
    parts = [message, draw_list(rng, members), _draw_signature(rng, sign(rng, signed, ring, members))]
    if rng.random() < 0.2:
        rng.shuffle(parts)
    if rng.random() < 0.12:
        parts.insert(rng.randrange(4), rng.choice((*_LINES, *RULES)))
    if rng.random() < 0.05:
        parts.insert(
            rng.randrange(4), draw_list(rng, [draw_member(rng, number) for number in rng.sample(range(30, 34), 2)])
        )
    content = parts[0]
    for _, part in pairwise(parts):
        content += often(rng, "\n\n", BREAKS, 0.4) + part
    content = often(rng, "", ("\n", " ", *INVISIBLE), 0.1) + content + often(rng, "", BREAKS, 0.2)
    return make_event(_rewrite(rng, content), [["t", "news"]] if rng.random() < 0.01 else ())


def _rewrite(rng: random.Random, content: str) -> str:
    """Return the whole with other line ends, in a quotation, or with one character more or less."""
    if rng.random() < 0.08:
        content = content.replace("\n", "\r\n")
    if rng.random() < 0.12:
        mark = rng.choice(("> ", ">", "> ", ">  ", " > "))
        blank = rng.choice((mark, ">", "", " "))
        lines = [(mark if line.strip() else blank) + line for line in content.split("\n")]
        content = "\n".join(line for line in lines if rng.random() < 0.995)
    if rng.random() < 0.08:
        place = rng.choice([found.start() for found in re.finditer(r"(?<![0-9A-Za-z])|(?![0-9A-Za-z])", content)])
        scrap = rng.choice((*INVISIBLE, *QUOTES, *MARKS, " ", "\n", ">", ":", ",", ".", "(", ")", "@", "-", "x", "é"))
        content = content[:place] + scrap + content[place + rng.choice((0, 0, 1)) :]
    return content


def _draw_signature(rng: random.Random, signature: RingSignature) -> str:
    label = "" if rng.random() < 0.3 else draw_label(rng, "signature") + rng.choice(("\n", " ", "\n\n", "\r\n", ""))
    if signature.key_image is None and rng.random() < 0.2:
        written = as_json(signature, rng.choice((None, 0, 2)))
    else:
        pair = rng.choice(("",) * 8 + PAIRS)
        written = pair[:1] + compact(signature) + pair[1:] + often(rng, "", (".", ".", "..", ",", " ."), 0.08)
    if rng.random() < 0.1:
        written = f"{rng.choice(FENCES)}\n{written}\n{rng.choice(('```', '```', ''))}"
    return label + written


_FORMS: tuple[tuple[str, Callable[[random.Random], Event]], ...] = (
    ("text", _draw_text),
    ("nip97", _draw_nip97),
    ("nostringer", _draw_nostringer),
)
