"""Write the catalogues of the pages' texts: `make locale`. New texts come in untranslated, those that are gone go."""

import io
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from relay import pages

FOLDER = Path(pages.__file__).parent
LOCALE = FOLDER / "locale"
_METHODS = [
    ("**.py", "python"),
    ("templates/**.html", "jinja2.ext:babel_extract"),
    ("templates/**.xml", "jinja2.ext:babel_extract"),
]
_OPTIONS = {name: {"trimmed": "true", "silent": "false"} for name, method in _METHODS if method != "python"}
_LINE = 132


class _Bare(Catalog):
    """A catalogue whose header has what gettext needs and no time, so that the same texts give the same bytes."""

    def __init__(self, source: Catalog) -> None:
        self._source = source
        super().__init__(locale=source.locale, header_comment="", charset="utf-8", fuzzy=False)
        for message in source:
            if message.id:
                self[message.id] = message

    @property
    def num_plurals(self) -> int:
        """Return how many forms the catalogue says that its language has. Babel's Spanish has one more, for millions."""
        return self._source.num_plurals

    @property
    def plural_expr(self) -> str:
        """Return which number takes which form."""
        return self._source.plural_expr

    @property  # type: ignore[misc]
    def mime_headers(self) -> list[tuple[str, str]]:
        """Return the header."""
        return [
            ("Language", str(self.locale_identifier)),
            ("Plural-Forms", self.plural_forms),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Transfer-Encoding", "8bit"),
        ]


def list_catalogues() -> Iterator[Path]:
    """Yield the catalogue of each language that is not English."""
    yield from sorted(LOCALE.glob("*/LC_MESSAGES/ringrelay.po"))


def extract() -> Catalog:
    """Return all texts of the pages."""
    found = Catalog(charset="utf-8")
    for file, _, message, comments, context in extract_from_dir(
        FOLDER,
        _METHODS,
        _OPTIONS,
        keywords={"_": None, "gettext": None, "ngettext": (1, 2)},
        comment_tags=["for translators:"],
    ):
        found.add(message, None, [(file, None)], auto_comments=comments, context=context)  # type: ignore[list-item]
    return found


def read(path: Path) -> Catalog:
    """Return a catalogue as it is on disk."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3])


def update(path: Path) -> Catalog:
    """Return a catalogue with the texts that the pages have now."""
    catalogue = read(path)
    catalogue.update(extract(), no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    return catalogue


def encode_po(catalogue: Catalog) -> bytes:
    """Return a catalogue as text."""
    buffer = io.BytesIO()
    write_po(buffer, _Bare(catalogue), width=_LINE, omit_header=False, sort_by_file=True, include_lineno=False)
    return buffer.getvalue().lstrip()


def encode_mo(catalogue: Catalog) -> bytes:
    """Return a catalogue as gettext reads it."""
    buffer = io.BytesIO()
    write_mo(buffer, _Bare(catalogue))
    return buffer.getvalue()


def list_untranslated(catalogue: Catalog) -> list[str]:
    """Return the English texts that a catalogue lacks, of those with a plural the singular."""
    missing = []
    for message in catalogue:
        english, texts = message.id, message.string
        if english and not (all(texts) if isinstance(texts, (tuple, list)) else texts):
            missing.append(english if isinstance(english, str) else english[0])
    return missing


def main() -> None:
    """Write each catalogue, and what is made of it."""
    for path in list_catalogues():
        catalogue = update(path)
        path.write_bytes(encode_po(catalogue))
        path.with_suffix(".mo").write_bytes(encode_mo(read(path)))
        missing = list_untranslated(catalogue)
        print(f"{path.parts[-3]}: {len(catalogue)} texts, {len(missing)} without a translation")
        for text in missing:
            print(f"  {text}")


if __name__ == "__main__":
    main()
