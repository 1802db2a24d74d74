"""Write tests/vectors/ring_notes.json: `python -m tests.conformance.make_vectors`. Makes the same bytes each time."""

import json
from pathlib import Path
from typing import Any

from msgspec import to_builtins

from relay.client.signing.verify_event import verify_note
from relay.protocol.event import Event
from relay.protocol.refusal import Rejected
from tests.conformance.negative import list_negative
from tests.conformance.pasted import list_pasted
from tests.conformance.positive import list_positive

PATH = Path(__file__).parents[1] / "vectors" / "ring_notes.json"
ABOUT = (
    "Ring notes for docs/ring-notes.md. Every id is right and every sig is the author's, unless the name says otherwise. "
    "`refused_by_default` is what a relay with default rules, whose clock stands at 1700000000, says to a note that is valid. "
    "Made by tests/conformance/make_vectors.py; its keys are known to everybody."
)


def build() -> str:
    """Return the file's text. The reasons of notes that are not valid are the relay's own words."""
    vectors = [*list_positive(), *list_pasted()]
    for name, event in list_negative():
        vectors.append({"name": name, "event": event, "expected": {"valid": False, "reason": explain(event)}})
    vectors = [{"name": vector["name"], **vector, "event": to_builtins(vector["event"])} for vector in vectors]
    return json.dumps({"about": ABOUT, "vectors": vectors}, indent=1, ensure_ascii=True) + "\n"


def explain(event: Event) -> str:
    """Return why a note is not valid; fail if it is."""
    try:
        proof: Any = verify_note(event)
    except Rejected as rejected:
        return str(rejected)
    raise AssertionError(f"a negative vector is valid, over {proof.signed_text!r}")


if __name__ == "__main__":
    PATH.write_text(build())
