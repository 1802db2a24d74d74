"""The evidence file: a note with its verifier, in one page that runs from disk. Knows no request and no store.

The relay and the author's command make the same file, so nothing is imported here that only a relay has installed.
"""

from functools import cache
from pathlib import Path

# Built from web/evidence/, in each language of the pages. The note stands for the comment.
_FOLDER = Path(__file__).with_name("static")
_PLACE = "<!--NOTE-->"
# JSON has these characters in strings only. So it stays the same JSON, and nothing in it can be markup.
_ESCAPES = {markup: f"\\u{ord(markup):04x}" for markup in "<>&"}


def build_evidence(encoded: bytes, language: str = "en") -> bytes:
    """Return the file for a note's JSON. Nothing is verified here: the file does that itself."""
    text = encoded.decode()
    # 20 times as fast as str.translate or re.sub, on the thread that serves everybody.
    for markup, escape in _ESCAPES.items():
        text = text.replace(markup, escape)
    return _read_page(language).replace(_PLACE, text).encode()


def list_languages() -> list[str]:
    """Return the languages that the file can be in."""
    return sorted(path.name.split(".")[1] for path in _FOLDER.glob("evidence.*.html"))


@cache
def _read_page(language: str) -> str:
    return (_FOLDER / f"evidence.{language}.html").read_text(encoding="utf-8")
