"""The templates of a relay by language: which one a header finds, and that it is forgotten."""

import weakref

from relay.pages.language import LANGUAGES
from relay.pages.renderer import Renderers


class Header(str):
    """A header that can be watched."""


def test_a_header_finds_the_templates_of_its_language() -> None:
    renderers = Renderers("A relay")
    assert [renderers.find(language).language for language in LANGUAGES] == list(LANGUAGES)
    assert renderers.find("es-AR").render("not_found.html").startswith('<!doctype html>\n<html lang="es" dir="ltr">')


def test_what_a_browser_asks_for_is_kept_nowhere() -> None:
    renderers = Renderers("A relay")
    header = Header("es-UY,es;q=0.7,gn;q=0.3")
    watched = weakref.ref(header)
    assert renderers.find(header).language == "es"
    del header
    assert watched() is None
