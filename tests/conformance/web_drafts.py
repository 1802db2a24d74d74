"""Notes to sign, drawn from a seed, as the command line takes them and as the file that signs does."""

import random
import string
from typing import Any

from coincurve import PrivateKey

from relay.client.signing.draft import Draft
from relay.protocol.event import Tag
from relay.protocol.ring_terms import Form, Scheme
from relay.verify.encoding import ORDER

CREATED_AT = 1_700_000_000
_LETTERS = (
    string.ascii_letters
    + string.digits
    + ' .,:;!?"\\/\n\t\b\f\x01\x7f<>&\u00e9\u00df\u0141\u4e2d\u2028\u202e\ufeff\U0001f600'
)
_SIZES = (2, 3, 4, 7, 12)


def draw_scalar(rng: random.Random) -> bytes:
    """Return 32 bytes of a number that is a secret key."""
    return rng.randrange(1, ORDER).to_bytes(32, "big")


def draw_draft(rng: random.Random, *, size: int | None = None) -> Draft:
    """Return a note to sign, in any form, scheme and kind that can be signed."""
    secrets = [draw_scalar(rng) for _ in range(size or rng.choice(_SIZES))]
    form = rng.choice((Form.BOUND, Form.BOUND, Form.BOUND, Form.NIP97, Form.NOSTRINGER, Form.TEXT))
    scheme = rng.choice(tuple(Scheme))
    kind, tags, scope = (1, (), _draw_scope(rng)) if form is not Form.BOUND else _draw_kind(rng, scheme)
    return Draft(
        ring=tuple(PrivateKey(secret).public_key.format()[1:] for secret in secrets),
        secret=rng.choice(secrets),
        content=_draw_words(rng, form),
        created_at=CREATED_AT,
        form=form,
        scheme=scheme,
        scope=scope if scheme is Scheme.BLSAG else None,
        kind=kind,
        tags=tags,
        pow_bits=rng.choice((0, 0, 4, 9)),
        names_ring=rng.random() < 0.7,
    )


def to_web(draft: Draft) -> dict[str, Any]:
    """Return the draft as web/core/draft.js has it."""
    return {
        "ring": [key.hex() for key in draft.ring],
        "secret": draft.secret.hex(),
        "content": draft.content,
        "createdAt": draft.created_at,
        "form": draft.form,
        "scheme": draft.scheme,
        "scope": draft.scope,
        "kind": draft.kind,
        "tags": draft.tags,
        "bits": draft.pow_bits,
        "namesRing": draft.names_ring,
    }


def _draw_words(rng: random.Random, form: Form) -> str:
    if form is Form.TEXT:
        # A reader of texts would take some letters for others, and both programs then refuse to show the note.
        return " ".join("".join(rng.choices(string.ascii_lowercase, k=rng.randint(1, 9))) for _ in range(12))
    return "".join(rng.choices(_LETTERS, k=rng.choice((1, 20, 300))))


def _draw_scope(rng: random.Random) -> str:
    return rng.choice(("poll", "b\u00f6ard", "x" * 128, '"', "\U0001f600"))


def _draw_kind(rng: random.Random, scheme: Scheme) -> tuple[int, tuple[Tag, ...], str]:
    target = rng.randbytes(32).hex()
    if scheme is Scheme.BLSAG and rng.random() < 0.4:
        kind, chosen = rng.choice(((7, ()), (1018, (("response", "y"), ("response", "n\u00ed")))))
        return kind, (("e", target), *chosen), f"{kind}:{target}"
    tagged: tuple[tuple[int, tuple[Tag, ...]], ...] = (
        (1, ()),
        (1, (("t", "news"), ("e", target, "wss://relay.example"))),
        (30023, (("d", "a-title"), ("title", 'A "title"'))),
    )
    kind, tags = rng.choice(tagged)
    return kind, tags, _draw_scope(rng)
