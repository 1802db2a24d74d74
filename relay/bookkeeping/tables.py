"""Tables and JSON for an operator. Knows no database."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any


def format_table(title: str, head: Sequence[str], rows: Sequence[Sequence[str | int]]) -> str:
    """Return a table in plain text: numbers to the right, all else to the left; a line where there are no rows."""
    if not rows:
        return f"{title}: none"
    lines = [[_format(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    is_number = [isinstance(cell, int) for cell in rows[0]]

    def lay_out(line: Sequence[str]) -> str:
        cells = zip(line, widths, is_number, strict=True)
        return "  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in cells).rstrip()

    return "\n".join([f"{title}:", *(f"  {lay_out(line)}" for line in (list(head), *lines))])


def _format(cell: str | int) -> str:
    return f"{cell:,}" if isinstance(cell, int) else cell or "-"


def format_json(values: Mapping[str, Any]) -> str:
    """Return values as JSON; dataclasses become objects."""
    return json.dumps({name: _to_plain(value) for name, value in values.items()}, indent=2)


def _to_plain(value: Any) -> Any:
    if isinstance(value, list):
        return [asdict(row) for row in value]
    return value
