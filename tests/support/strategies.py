"""hypothesis strategies for events and filters, drawn from small pools so that they meet often."""

from hypothesis import strategies as st

from relay.event import Event
from relay.filter import Filter

IDS = [f"{number:064x}" for number in range(1, 9)]
PUBKEYS = ["a" * 64, "b" * 64, "c" * 64]
KINDS = [0, 1, 5, 7, 30023]
LETTERS = ["t", "T", "e", "p", "R"]
VALUES = ["x", "y", "", "\0", "\xff", "z" * 600, "a" * 64]
TIMES = [0, 1, 2, 3, 1000]

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


def _some(pool: list[str] | list[int]) -> st.SearchStrategy[frozenset[object] | None]:
    return st.none() | st.frozensets(st.sampled_from(pool), max_size=3)


_tag_filters = st.dictionaries(
    st.sampled_from(LETTERS), st.frozensets(st.sampled_from(VALUES), max_size=3), max_size=2
).map(lambda chosen: tuple(sorted(chosen.items(), key=lambda tag: tag[0])))

filters = st.builds(
    Filter,
    ids=_some(IDS),
    authors=_some(PUBKEYS),
    kinds=_some(KINDS),
    tags=_tag_filters,
    since=st.none() | st.sampled_from(TIMES),
    until=st.none() | st.sampled_from(TIMES),
    limit=st.none() | st.integers(0, 6),
)
