"""The ring file: one key a line, with its owner's name and its age as a comment. Knows no network.

    npub1...  # ann@example.org, first seen 2023-Q2

`ringrelay ring` writes what a relay knows of a key. `ringrelay sign` reads it, and needs no relay for its warnings.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from relay.client.signing import keys
from relay.client.signing.mistyped import is_seed
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.notices import to_printable
from relay.client.terminal.stdin import read_stdin
from relay.protocol import nip19

NEVER = "never"
_SEEN = re.compile(r"(?:(?P<name>.*), )?(?:first seen (?P<quarter>[0-9]{4}-Q[1-4])|never seen)")
# What people write between two keys, or between a key and a name.
_BESIDE = re.compile(r"[\s,;]")


@dataclass(frozen=True, slots=True)
class Entry:
    """A member: a 32-byte x-only key, its owner's name, and its age.

    `seen` is the quarter of its first event, such as "2023-Q2", NEVER, or None where no relay was asked. Quarters sort as
    texts.
    """

    key: bytes
    name: str = ""
    seen: str | None = None


def read_ring(path: Path) -> tuple[Entry, ...]:
    """Return a ring file's members in its order: one key a line, in any spelling, `#` comments, blank lines.

    Raises BadInput, which names the line; for a duplicate it names both lines.
    """
    lines: dict[bytes, int] = {}
    entries: list[Entry] = []
    for number, entry in parse_ring(keys.read_ring_text(path)):
        if isinstance(entry, BadInput):
            raise BadInput(f"{path}, line {number}: {entry}")
        if entry.key in lines:
            raise BadInput(f"{path}, line {number}: the same key as on line {lines[entry.key]}: delete one of them")
        lines[entry.key] = number
        entries.append(entry)
    return tuple(entries)


def read_ring_stdin() -> str:
    """Return the text of a ring file on stdin. Raises BadInput."""
    raw = read_stdin(keys.MAX_RING_FILE_BYTES, "Paste keys, one a line", "check that it is a ring file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput("stdin is not text: pipe a ring file into it") from None


def parse_ring(text: str) -> list[tuple[int, Entry | BadInput]]:
    """Return the line number of each non-empty line, with its member or what is wrong with it."""
    return [(number, _parse_entry(key, comment)) for number, key, comment in keys.list_lines(text)]


def format_entry(entry: Entry) -> str:
    """Return an entry as a line of a ring file."""
    seen = {None: "", NEVER: "never seen"}.get(entry.seen, f"first seen {entry.seen}")
    comment = ", ".join(part for part in (to_printable(entry.name), seen) if part)
    return f"{nip19.encode_npub(entry.key)}  # {comment}" if comment else nip19.encode_npub(entry.key)


def _parse_entry(key: str, comment: str) -> Entry | BadInput:
    try:
        parsed = keys.parse_public_key(key)
    except BadInput as error:
        if _BESIDE.search(key) is None or keys.is_like_secret(key) or is_seed(key):
            return error
        return BadInput("more than one key: write one a line, and # before a comment")
    found = _SEEN.fullmatch(comment)
    if found is None:
        return Entry(parsed, comment)
    return Entry(parsed, found["name"] or "", found["quarter"] or NEVER)
