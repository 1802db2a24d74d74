"""Write docs/reference/ from the code: `python -m tests.references.write`. Knows which pages there are."""

from collections.abc import Callable
from pathlib import Path

from tests.references import commands, configuration, metrics

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


if __name__ == "__main__":
    main()
