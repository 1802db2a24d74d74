"""Write tests/vectors/pasted_texts.json: `python -m tests.conformance.make_pasted_texts`. Makes the same bytes each time."""

import json
from pathlib import Path

from tests.conformance.pasted_texts import list_pasted

PATH = Path(__file__).parents[1] / "vectors" / "pasted_texts.json"
ABOUT = (
    "Texts as people paste them, for docs/ring-notes.md, form D: the content of an event of kind 1 without tags. What is expected "
    "was written by hand and comes from how a text was made. Of a text that is not valid, `reason` has the words that a refusal "
    "must have: its parts between ` ... ` stand in it in this order. Made by tests/conformance/make_pasted_texts.py; its keys are "
    "known to everybody."
)


def build() -> str:
    """Return the file's text."""
    return json.dumps({"about": ABOUT, "texts": list(list_pasted())}, indent=1, ensure_ascii=True) + "\n"


if __name__ == "__main__":
    PATH.write_text(build())
