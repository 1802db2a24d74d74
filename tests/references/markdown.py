"""Tables and texts in Markdown. Knows no page."""

import re
from collections.abc import Iterable, Sequence

NONE = "–"
# A bar within a cell, also where the cell is code.
BAR = r"\|"


def make_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table that ends with a line end."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', BAR) for cell in line)} |\n" for line in lines)


def make_note(command: str, source: str) -> str:
    """Return the sentences under a page's title that say where it comes from."""
    return f"Written by `{command}` from {source}; do not edit it here. A test fails when it is out of date."


def quote(text: str) -> str:
    """Return a text as code, or the sign for nothing."""
    return f"`{text}`" if text else NONE


def escape(text: str) -> str:
    """Return plain words so that Markdown shows them as they are; what stands in backticks is left alone."""
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(part if part.startswith("`") else re.sub(r"([<*\[\]])", r"\\\1", part) for part in parts)


def lay_out(text: str) -> str:
    """Return a text of the command line: indented lines as code, the rest as paragraphs."""
    blocks = []
    for block in re.split(r"\n{2,}", text.strip("\n")):
        lines = block.split("\n")
        if all(line.startswith("  ") for line in lines):
            code = "\n".join(line.removeprefix("  ") for line in lines)
            blocks.append(f"```text\n{code}\n```")
        elif any(line.startswith("  ") for line in lines):
            first = next(number for number, line in enumerate(lines) if line.startswith("  "))
            blocks += [lay_out("\n".join(lines[:first])), lay_out("\n".join(lines[first:]))]
        else:
            blocks.append(escape(block))
    return "\n\n".join(blocks)
