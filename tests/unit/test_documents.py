"""The documents: every link in them leads somewhere, and the map names them all."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INDEX = ROOT / "docs" / "index.md"
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), ROOT / "tests" / "refusals.md"]
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def list_links(document: Path) -> list[tuple[Path, str]]:
    """Return the files that a document links to, each with the heading in it, if any."""
    text = _CODE.sub("", document.read_text(encoding="utf-8"))
    links = [link for link in _LINK.findall(text) if not re.match(r"[a-z]+:", link)]
    parts = [link.partition("#") for link in links]
    return [((document.parent / path).resolve() if path else document, heading) for path, _, heading in parts]


def list_headings(document: Path) -> set[str]:
    """Return the names by which the headings of a document are linked to."""
    headings = re.findall(r"(?m)^#+ (.+)$", document.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading_of_the_repository(document: Path) -> None:
    for path, heading in list_links(document):
        assert path.is_relative_to(ROOT), path
        assert path.is_file(), path
        assert not heading or heading in list_headings(path), f"{path.name}#{heading}"


def test_the_map_names_every_document() -> None:
    named = {path for path, _ in list_links(INDEX)}
    assert sorted(path for path in DOCUMENTS if path != INDEX and path not in named) == []
