"""hypothesis strategies for notes and filters, drawn from small pools so that they meet often."""

import msgspec
from hypothesis import strategies as st

from relay.protocol.event import Event, encode_event
from relay.protocol.filter import Filter
from relay.protocol.ring_terms import Form, Scheme
from relay.protocol.search import Term
from relay.storage.note import Note
from relay.verify.claim import Claim
from relay.verify.encoding import RingSignature
from relay.verify.ring_equations import to_ring_id

IDS = [f"{number:064x}" for number in range(1, 9)]
PUBKEYS = ["a" * 64, "b" * 64, "c" * 64]
KINDS = [0, 1, 5, 7, 30023]
LETTERS = ["t", "T", "e", "p", "R"]
VALUES = ["x", "y", "", "\0", "\xff", "z" * 600, "a" * 64]
TIMES = [0, 1, 2, 3, 1000]
# Prices in msat; most notes are free.
PRICES = [0, 0, 1_000, 5_000]
MEMBERS = [bytes([number]) * 32 for number in range(1, 6)]
RINGS = [tuple(MEMBERS[:2]), tuple(MEMBERS[:3]), tuple(MEMBERS[1:]), tuple(reversed(MEMBERS))]
KEY_IMAGES = ["02" + "a" * 64, "03" + "b" * 64]
SCOPES = ["poll", "a poll: 100%", "\0\u00a0\xff", "z" * 128]

tags = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(LETTERS), st.sampled_from(VALUES)),
        st.tuples(st.sampled_from(LETTERS)),
        st.tuples(st.sampled_from(["tt", "", "-x", "é"]), st.sampled_from(VALUES)),
        st.tuples(st.sampled_from(LETTERS), st.sampled_from(VALUES), st.sampled_from(VALUES)),
    ),
    max_size=4,
).map(tuple)

events = st.builds(
    Event,
    id=st.sampled_from(IDS),
    pubkey=st.sampled_from(PUBKEYS),
    created_at=st.sampled_from(TIMES),
    kind=st.sampled_from(KINDS),
    tags=tags,
    content=st.text(max_size=5),
    sig=st.just("0" * 128),
)


def _make_claim(form: Form, ring: tuple[bytes, ...], key_image: str | None, scope: str) -> Claim:
    """Return a claim as a form's file reads it: linkable where there is a key image."""
    signature = RingSignature(Scheme.SAG, b"c" * 32, (b"s" * 32,) * len(ring))
    if key_image is not None:
        signature = RingSignature(Scheme.BLSAG, b"c" * 32, signature.responses, bytes.fromhex(key_image), scope)
    return Claim(form=form, ring=ring, ring_id=to_ring_id(ring), signature=signature, candidates=())


claims = st.builds(
    _make_claim,
    st.sampled_from(Form),
    st.sampled_from(RINGS),
    st.none() | st.sampled_from(KEY_IMAGES),
    st.sampled_from(SCOPES),
)
notes = st.builds(
    lambda event, claim, price_paid_msat: Note(event, encode_event(event), claim, price_paid_msat=price_paid_msat),
    events,
    st.none() | claims,
    st.sampled_from(PRICES),
)


def _some(pool: list[str] | list[int]) -> st.SearchStrategy[frozenset[object] | None]:
    return st.none() | st.frozensets(st.sampled_from(pool), max_size=3)


_tag_filters = st.dictionaries(
    st.sampled_from(LETTERS), st.frozensets(st.sampled_from(VALUES), max_size=3), max_size=2
).map(lambda chosen: tuple(sorted(chosen.items(), key=lambda tag: tag[0])))

_terms = st.one_of(
    st.builds(Term, st.just("ring"), st.sampled_from([member.hex() for member in MEMBERS])),
    st.builds(Term, st.just("ringid"), st.sampled_from([to_ring_id(ring) for ring in RINGS])),
    st.builds(Term, st.just("keyimage"), st.sampled_from(KEY_IMAGES)),
    st.builds(Term, st.just("scope"), st.sampled_from(SCOPES)),
    st.builds(Term, st.just("scheme"), st.sampled_from(["sag", "blsag"])),
    st.builds(Term, st.just("minring"), st.sampled_from(["1", "3", "4", "99999"])),
    st.builds(Term, st.just("binding"), st.sampled_from(["event", "message"])),
    st.builds(Term, st.just("form"), st.sampled_from(["bound", "nip97", "nostringer", "text"])),
)
_searches: st.SearchStrategy[frozenset[Term]] = st.just(frozenset()) | st.frozensets(_terms, max_size=3)

filters = st.builds(
    Filter,
    ids=_some(IDS),
    authors=_some(PUBKEYS),
    kinds=_some(KINDS),
    tags=_tag_filters,
    search=_searches,
    since=st.none() | st.sampled_from(TIMES),
    until=st.none() | st.sampled_from(TIMES),
    limit=st.none() | st.integers(0, 6),
)
# As a path asks for a client.
priced_filters = st.builds(
    lambda filter_, price_paid_msat: msgspec.structs.replace(filter_, min_price_msat=price_paid_msat),
    filters,
    st.sampled_from(PRICES),
)
