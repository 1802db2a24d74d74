"""What deploy/relay.toml says of each key: the comment above it. Knows no type and no default."""

import re
from collections import defaultdict
from dataclasses import dataclass, field

_HEADER = re.compile(r"\[\[?(\w+)\]\]?")
_KEY = re.compile(r"(?:# )?(\w+) = .")
# In an example that is commented out as a whole, a comment has two signs and a key has one, without a space.
_EXAMPLE = re.compile(r"^#(?! )")


class Unexplained(Exception):
    """A key without a comment of its own."""


@dataclass
class Section:
    """What stands above a section's header, and above each of its keys."""

    text: str = ""
    keys: dict[str, str] = field(default_factory=dict)


def read_explanations(text: str) -> dict[str, Section]:
    """Return the sections by name, "" for what stands before the first. Raises Unexplained."""
    sections: dict[str, Section] = defaultdict(Section)
    name, comment = "", list[str]()
    for raw in text.splitlines():
        line = _EXAMPLE.sub("", raw)
        if found := _HEADER.fullmatch(line):
            name = found[1]
            sections[name].text = f"{sections[name].text} {' '.join(comment)}".strip()
        elif found := _KEY.match(line):
            if not comment and found[1] not in sections[name].keys:
                raise Unexplained(f"{name}.{found[1]}: write a comment above it in deploy/relay.toml")
            sections[name].keys.setdefault(found[1], " ".join(comment))
        elif line:
            comment.append(line.removeprefix("# "))
            continue
        comment = []
    return sections
