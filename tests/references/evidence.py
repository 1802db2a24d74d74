"""The evidence file's page in each language, from the template that the relay's catalogues know. Knows no script and no note."""

from pathlib import Path

from relay.pages.language import LANGUAGES
from relay.pages.renderer import Renderer

FOLDER = Path(__file__).resolve().parents[2] / "web" / "evidence"


def render_pages() -> dict[Path, str]:
    """Return what web/build.mjs makes the evidence files of. An author, who has no jinja2, has what it builds."""
    return {
        FOLDER / f"page.{language}.html": Renderer(language, "ringrelay").render("evidence.html") + "\n"
        for language in LANGUAGES
    }
