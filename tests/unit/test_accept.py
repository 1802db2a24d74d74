"""Accept headers: of types the most precise part counts, with its weight; of languages the one that is wanted most."""

import time

import pytest

from relay.http.accept import find_language, weigh
from tests.support.time_factor import scaled


@pytest.mark.parametrize(
    ("accept", "quality"),
    [
        ("", 1.0),
        ("*/*", 1.0),
        ("text/html", 1.0),
        ("TEXT/Html ; Q=0.5", 0.5),
        ("text/html;charset=utf-8;q=0.25", 0.25),
        ("text/html;q=0", 0.0),
        ("text/*;q=0.3", 0.3),
        ("application/json", 0.0),
        ("application/*", 0.0),
        ("text/htmlx, text", 0.0),
        # The more precise part counts, wherever it stands.
        ("*/*;q=0.1, text/html;q=0.2, text/*;q=0.9", 0.2),
        ("text/html;q=0, */*", 0.0),
        # What is no weight is not read as one.
        ("text/html;q=2", 1.0),
        ("text/html;q=nan", 1.0),
        ("text/html;q=", 1.0),
        (" , text/html;q=0.5 ,", 0.5),
    ],
)
def test_the_quality_of_a_type_is_that_of_the_most_precise_part(accept: str, quality: float) -> None:
    assert weigh(accept, "text/html").quality == quality


def test_of_two_types_the_one_that_is_wanted_more_is_the_larger() -> None:
    for accept in ("text/html, text/plain;q=0.9", "text/plain;q=0.9, text/html", "text/html, text/plain"):
        assert weigh(accept, "text/html") > weigh(accept, "text/plain")
    # Named before meant, if they are wanted as much.
    assert weigh("*/*, text/html", "text/html") > weigh("*/*, text/html", "text/plain")
    assert weigh("*/*", "text/html") == weigh("*/*", "text/plain")
    assert weigh("", "text/html") == weigh("", "text/plain")


def test_a_type_is_named_only_by_itself() -> None:
    assert weigh("*/*, text/html;q=0.1", "text/html").is_named
    for accept in ("", "*/*", "text/*", "text/plain"):
        assert not weigh(accept, "text/html").is_named


@pytest.mark.parametrize(
    ("accept_language", "language"),
    [
        ("", "en"),
        ("es", "es"),
        ("ES", "es"),
        # What browsers send.
        ("es-MX,es;q=0.9,en;q=0.8", "es"),
        ("en-US,en;q=0.5", "en"),
        ("es-419", "es"),
        ("zh-Hant-TW, es;q=0.1", "es"),
        # Weights count, and not the place.
        ("en;q=0.3, es;q=0.7", "es"),
        ("es;q=0.3, en;q=0.7", "en"),
        ("es;q=0.001", "es"),
        # Of those that are wanted as much, the first in the header.
        ("es, en", "es"),
        ("en, es", "en"),
        # Not wanted at all.
        ("es;q=0", "en"),
        ("es;q=0.000, en;q=0", "en"),
        # Whatever there is: the first.
        ("*", "en"),
        ("*, es;q=0.9", "en"),
        ("fr, *;q=0.5, es;q=0.6", "es"),
        # Of a language that is named, the star says nothing.
        ("en;q=0, *", "es"),
        ("*, en;q=0.5", "es"),
        ("es;q=0, *;q=0.1", "en"),
        # A language begins with its whole name.
        ("est", "en"),
        ("e, s", "en"),
        ("fr, de", "en"),
        # Garbage is no wish, and what is no weight is not read as one.
        (";;;,,,=", "en"),
        ("es;q=", "es"),
        ("es;q=high", "es"),
        ("\x00\xff, es", "es"),
        (" es\t; q=0.5 ", "es"),
    ],
)
def test_the_language_is_the_one_that_is_wanted_most(accept_language: str, language: str) -> None:
    assert find_language(accept_language, ("en", "es")) == language


@pytest.mark.serial
@pytest.mark.parametrize("part", ["xx,", "es;q=0.1,", ",", ";", "e", "-", "*;q=0,", "es-" + "x" * 30 + ","])
def test_a_long_header_takes_no_time(part: str) -> None:
    header = (part * 10_000)[:10_000]
    started_at = time.process_time()
    for _ in range(100):
        assert find_language(header, ("en", "es")) in ("en", "es")
    assert time.process_time() - started_at < scaled(1.0)


def test_of_a_long_header_the_beginning_counts() -> None:
    assert find_language("es," + "en," * 3_000, ("en", "es")) == "es"
    assert find_language("xx;q=0.1," * 1_000 + "es", ("en", "es")) == "en"
