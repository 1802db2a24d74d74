"""The catalogues of the pages' texts: complete, with the same places to fill, and compiled from what is there to read."""

import re
from pathlib import Path

import pytest

from relay.pages.evidence_file import list_languages
from relay.pages.language import LANGUAGES
from tests.catalogues.write import FOLDER, encode_mo, encode_po, list_catalogues, list_untranslated, read, update
from tests.support.page_texts import list_texts

WEB = Path(__file__).resolve().parents[2] / "web"
CATALOGUES = list(list_catalogues())
TEMPLATES = sorted((FOLDER / "templates").iterdir())
# What is filled in, by the relay or by a script, the elements of a text, and where it leads.
PLACES = re.compile(r"%\(\w+\)s|\{\w+\}|</?[a-z]+|(?:href|id|class)=\"[^\"]*\"")
# What templates compute: comments, texts of the catalogue, values, statements.
COMPUTED = re.compile(
    r"\{#.*?#\}|\{%-? *trans\b.*?endtrans *-?%\}|\{\{(?:\"[^\"]*\"|[^\"}])*\}\}|\{%.*?%\}|\{\w+\}", re.DOTALL
)
# The name of a hash.
UNTRANSLATED = {"SHA-256"}


def name_language(path: Path) -> str:
    return path.parts[-3]


def test_each_language_has_a_catalogue() -> None:
    assert ["en", *(name_language(path) for path in CATALOGUES)] == list(LANGUAGES)


def test_the_files_that_run_from_disk_speak_each_language() -> None:
    assert {path.stem.removeprefix("texts_") for path in (WEB / "sign").glob("texts_*.js")} == set(LANGUAGES)
    assert list_languages() == sorted(LANGUAGES)


@pytest.mark.parametrize("path", CATALOGUES, ids=name_language)
def test_a_catalogue_has_the_texts_that_the_pages_have(path: Path) -> None:
    assert path.read_bytes() == encode_po(update(path)), "run `make locale`"
    assert path.with_suffix(".mo").read_bytes() == encode_mo(read(path)), "run `make locale`"


@pytest.mark.parametrize("path", CATALOGUES, ids=name_language)
def test_every_text_is_translated_and_has_the_same_places(path: Path) -> None:
    assert list_untranslated(read(path)) == []
    for message in read(path):
        if not message.id:
            continue
        originals = message.id if isinstance(message.id, (tuple, list)) else [message.id]
        translations = message.string if isinstance(message.string, (tuple, list)) else [message.string]
        places = sorted(set(PLACES.findall(originals[-1])))
        for translation in translations:
            # "one key" may do without the number.
            found = sorted(set(PLACES.findall(translation or "")))
            assert found == places or (len(originals) > 1 and set(found) <= set(places)), (originals, translation)


@pytest.mark.parametrize("path", CATALOGUES, ids=name_language)
def test_no_translation_ends_otherwise_than_its_original(path: Path) -> None:
    # Where one ends with a colon and the other does not, what follows it would be glued to it.
    ends = {":": ":", ".": ".", "?": "?", "…": "…"}
    for message in read(path):
        if message.id and isinstance(message.id, str) and isinstance(message.string, str):
            assert ends.get(message.string[-1]) == ends.get(message.id[-1]), message.id


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_every_text_of_a_template_is_in_the_catalogues(path: Path) -> None:
    assert set(list_texts(COMPUTED.sub(" ", path.read_text()))) - UNTRANSLATED == set()


def test_a_text_outside_the_catalogues_would_be_found() -> None:
    source = '{# Why. #}<p data-if="two" aria-label="Read this">{% if x %}More: {{ _("a } b") }}{% endif %} <code>x y</code></p>'
    assert list_texts(COMPUTED.sub(" ", source)) == ["Read this", "More:"]
