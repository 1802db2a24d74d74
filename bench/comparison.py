"""The same load on any relay on this machine, beside a relay of ours and the prototype, both new and empty."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import uvloop

from bench import loads
from bench.client import LoadError
from bench.corpus import Corpus, Part
from bench.figures import Rate, Subject, acknowledge, deliver, list_queries, post
from bench.plan import Plan
from bench.questions import Vocabulary, VocabularyBuilder
from bench.relay_process import run_prototype, run_relay
from bench.result import Result
from bench.rounds import PROTOTYPE, run_rounds, say
from bench.run import EMPTY, Run
from bench.subjects import CompareError, check_loopback
from relay.protocol.event import decode_event

_STORED = "stored"
_COMPARED = "compared"
# With fewer of them no topic would have enough for a whole answer.
_COUNT = 20_000


def run_comparison(plan: Plan, url: str, cache: Path) -> Result:
    """Measure what any relay can be asked for. Raises CompareError for one that is not on loopback, or has had this load."""
    check_loopback(url)
    rates = list_rates(plan)
    run = Run(plan, cache, [rates], [Part(_STORED, _COUNT)])
    uvloop.run(_check_unloaded(url, run.corpus))
    with _subjects(url, run.corpus) as subjects:
        for subject in subjects:
            say(f"posting {_COUNT:,} notes to: {subject.name}")
            uvloop.run(loads.post_all(subject.url, subject.take_notes(_STORED, _COUNT)))
        run.add_rounds(run_rounds(rates, subjects, plan.rounds))
    return run.finish()


def list_rates(plan: Plan) -> list[Rate]:
    """Return the figures that make sense of any relay."""
    everything = [
        post("ingest", "plain", 8_000 // plan.shrink),
        acknowledge(300 // plan.shrink),
        *(rate for rate in list_queries(600 // plan.shrink) if rate.name != "search_ring"),
        deliver("fanout500", 500, 200 // plan.shrink),
        deliver("paced", 100, 100 // plan.shrink, 50.0),
    ]
    return [rate for rate in everything if plan.wants(rate.name)]


@contextmanager
def _subjects(url: str, corpus: Corpus) -> Iterator[list[Subject]]:
    vocabulary = read_corpus(corpus)
    with run_prototype() as prototype, run_relay() as ours:
        yield [
            Subject(PROTOTYPE, prototype.url, corpus, prototype.processes),
            Subject(EMPTY, ours.url, corpus, ours.processes, vocabulary),
            Subject(_COMPARED, url, corpus, vocabulary=vocabulary),
        ]


def read_corpus(corpus: Corpus) -> Vocabulary:
    """Return what can be asked for once the corpus is stored."""
    builder = VocabularyBuilder(corpus.seed)
    for note in corpus.notes[_STORED]:
        builder.see(decode_event(note))
    return builder.build()


async def _check_unloaded(url: str, corpus: Corpus) -> None:
    """Raise CompareError for a relay that cannot be asked, or has had this load: it would only see that it has the notes."""
    ids = [decode_event(notes[0]).id for notes in corpus.notes.values() if notes]
    try:
        found = await loads.query_all(url, [msgspec.json.encode({"ids": ids})], connections=1)
    except (LoadError, TimeoutError) as error:
        raise CompareError(f"{url} cannot be asked: {error}") from None
    if found.failed:
        raise CompareError(f"{url} does not answer a query for ids")
    if found.notes:
        raise CompareError(f"{url} has notes of this corpus already: start that relay with an empty database")
