"""An Accept header: the most precise part counts, with its weight."""

import pytest

from relay.http.accept import weigh


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
