"""The templates, in each language. Knows no request and no store."""

from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from relay.pages.language import LANGUAGES, choose_language, load_translations
from relay.pages.numbers import group_digits
from relay.pages.proof_words import describe_proof, name_kind
from relay.pages.static_files import find_static_url
from relay.protocol.printable import to_one_line

_MAX_NAME_CHARS = 200
_TEMPLATES = Path(__file__).with_name("templates")


class Renderer:
    """The templates in one language."""

    def __init__(self, language: str, name: str) -> None:
        self.language = language
        # The relay's, which stands in the title of each page.
        self.name = name
        # For words that are put together in Python.
        self.translations = load_translations(language)
        self._environment = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        self._environment.policies["ext.i18n.trimmed"] = True
        # Whatever is put into a text is escaped.
        self._environment.install_gettext_translations(self.translations, newstyle=True)  # type: ignore[attr-defined]
        self._environment.filters["grouped"] = partial(group_digits, translations=self.translations)
        self._environment.globals |= {"name": name, "language": language, "static": find_static_url}
        self._environment.globals |= {
            "describe_proof": partial(describe_proof, translations=self.translations),
            "name_kind": partial(name_kind, translations=self.translations),
        }

    def render(self, template: str, **values: Any) -> str:
        """Return a page as HTML. Raises jinja2's errors for a template that lacks a value."""
        return self._environment.get_template(template).render(values)


class Renderers:
    """The templates of one relay, by language."""

    def __init__(self, name: str) -> None:
        # It also stands in XML, which has no control characters.
        shown = to_one_line(name, _MAX_NAME_CHARS)
        self._by_language = {language: Renderer(language, shown) for language in LANGUAGES}

    def find(self, accept_language: str) -> Renderer:
        """Return the templates in the language that an Accept-Language header wants most."""
        # Not kept for the next time: which languages somebody asks for, and in which order, can be rare.
        return self._by_language[choose_language(accept_language)]
