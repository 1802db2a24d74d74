"""Write docs/reference/ from the code, and the evidence file's pages: `python -m tests.references.write`. Knows which there are."""

from collections.abc import Callable
from pathlib import Path

from tests.references import commands, configuration, metrics
from tests.references.evidence import render_pages

COMMAND = "python -m tests.references.write"
FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"
PAGES: dict[str, Callable[[str], str]] = {
    "commands.md": commands.render,
    "configuration.md": configuration.render,
    "metrics.md": metrics.render,
}


def main() -> None:
    """Write every page."""
    FOLDER.mkdir(exist_ok=True)
    for name, render in PAGES.items():
        (FOLDER / name).write_text(render(COMMAND), encoding="utf-8")
    for path, page in render_pages().items():
        path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
