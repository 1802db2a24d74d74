"""What each figure is called in documents, and its goal in words. A goal in S is another relay's rate, where S was known, too."""

from dataclasses import dataclass

_LIMIT = "0.80 of the limit"
_GROWTH = "growth 1.3 at most"
_QUIET = "10 times quiet at most"


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure in words, and what it is to reach; empty where there is no goal."""

    words: str
    goal: str = ""


GOALS = {
    "ingest": Goal("plain notes stored", "0.9 of the prototype; growth 1.1 at most"),
    "ack": Goal("a note, one client alone", "p50 1.3 of the prototype at most"),
    "latest100": Goal(
        "the latest 100", f"0.080 of S (strfry) without a window, 0.8 of the prototype with one; {_GROWTH}"
    ),
    "author50": Goal("50 of an author", f"0.156 of S (strfry); {_GROWTH}"),
    "ptag50": Goal("50 with a p tag", f"0.152 of S (strfry); {_GROWTH}"),
    "ttag50": Goal("50 with a t tag", f"0.127 of S (strfry); {_GROWTH}"),
    "etag": Goal("replies (e tag)", f"0.36 of S (half of strfry); {_GROWTH}"),
    "ids10": Goal("10 ids", f"0.19 of S (half of strfry); {_GROWTH}"),
    "follows": Goal("50 of 100 authors", f"0.042 of S without a window; {_GROWTH}"),
    "search_ring": Goal("50 whose ring has a key", _GROWTH),
    "ring10_one": Goal("notes over one ring of 10", _LIMIT),
    "ring10_own": Goal("notes over a ring of 10 each", _LIMIT),
    "ring100_one": Goal("notes over one ring of 100", _LIMIT),
    "ring100_own": Goal("notes over a ring of 100 each", _LIMIT),
    "ring1000_one": Goal("notes over one ring of 1,000", _LIMIT),
    "ring1000_own": Goal("notes over a ring of 1,000 each", _LIMIT),
    "fanout500": Goal("deliveries to 500 subscribers", "7 us a delivery at most"),
    "fanout5000": Goal("deliveries to 5,000 subscribers"),
    "paced": Goal("50 notes a second to 100 subscribers", "p50 4 ms, p99 10 ms at most"),
    "connections": Goal("idle connections", "18 KiB each, 400 us to accept one, at most"),
    "held10_one": Goal("held notes over one ring of 10"),
    "held10_own": Goal("held notes over a ring of 10 each"),
    "priced": Goal("notes paid for: order, payment, OK"),
    "start": Goal("start until a query is answered", "2 s at most"),
    "idle": Goal("doing nothing", "below 1 % of a core"),
    "memory": Goal("memory at rest, MiB"),
    "neighbour_quiet": Goal("a second client: quiet"),
    "neighbour_ingest": Goal("while notes are posted at full speed", _QUIET),
    "neighbour_ring1000": Goal("while notes over rings of 1,000 are", _QUIET),
    "neighbour_fanout5000": Goal("while 60 notes go to 5,000 subscribers", _QUIET),
    "neighbour_large_page": Goal("while pages of 1,000 notes of 20 KB are read", _QUIET),
    "neighbour_reindex": Goal("while indexes are made again", _QUIET),
    "neighbour_batch": Goal("while 10,000 held notes are published", _QUIET),
}
