"""The languages of the pages: English, as the templates have it, and what the catalogues in locale/ have (gettext)."""

import gettext
from pathlib import Path

from relay.http.accept import find_language

LANGUAGES = ("en", "es")
_DOMAIN = "ringrelay"
_CATALOGUES = Path(__file__).with_name("locale")


def choose_language(accept_language: str) -> str:
    """Return the language that an Accept-Language header wants most of those that the pages have."""
    return find_language(accept_language, LANGUAGES)


def load_translations(language: str) -> gettext.NullTranslations:
    """Return the catalogue of a language."""
    if language == LANGUAGES[0]:
        return gettext.NullTranslations()
    return gettext.translation(_DOMAIN, _CATALOGUES, [language])
