"""The table of pasted texts: what people post by hand, what is right, and why. Its parts are files by theme."""

from collections.abc import Iterator

from tests.conformance.pasted_keys import list_keys
from tests.conformance.pasted_labels import list_labels
from tests.conformance.pasted_lines import list_lines
from tests.conformance.pasted_lists import list_lists
from tests.conformance.pasted_names import list_names
from tests.conformance.pasted_prints import list_prints
from tests.conformance.pasted_refused_lists import list_refused_lists
from tests.conformance.pasted_refused_parts import list_refused_parts
from tests.conformance.pasted_refused_words import list_refused_words
from tests.conformance.pasting import Entry


def list_pasted() -> Iterator[Entry]:
    yield from list_labels()
    yield from list_keys()
    yield from list_names()
    yield from list_lists()
    yield from list_lines()
    yield from list_prints()
    yield from list_refused_words()
    yield from list_refused_parts()
    yield from list_refused_lists()
