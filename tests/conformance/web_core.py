"""What web/core finds, run by Node, in the words of the vectors: it verifies on the relay's pages, in a browser."""

import json
import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from relay.protocol.event import Event, encode_event
from tests.support.time_factor import scaled

FOLDER = Path(__file__).parent
WEB = FOLDER.parents[1] / "web"
TIMEOUT_S = scaled(120.0)
NOT_TESTED = "the verifier of the pages is not tested"

Json = dict[str, Any]
_FIELDS = {
    "ring_size": "ringSize",
    "ring_id": "ringId",
    "key_image": "keyImage",
    "signed_text": "signedText",
    **{name: name for name in ("form", "scheme", "dialect", "binding", "scope")},
}


def ask(node: str, program: str, lines: Iterable[object], *options: str) -> list[Any]:
    """Give a program of this folder one JSON a line, and return what it answers."""
    done = subprocess.run(
        [node, FOLDER / program, *options],
        input="".join(json.dumps(line) + "\n" for line in lines),
        check=False,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env={name: value for name, value in os.environ.items() if name != "NODE_OPTIONS"},
    )
    assert done.returncode == 0, done.stderr
    # Not splitlines: U+2028 ends a line there.
    return [json.loads(line) for line in done.stdout.split("\n")[:-1]]


def verify_events(node: str, events: Sequence[Event], *options: str) -> list[Json]:
    """Return what is found in each event, in the words of the vectors and without the reason."""
    found = ask(node, "web_core.mjs", (["event", encode_event(event).decode()] for event in events), *options)
    return list(map(to_words, found))


def to_words(found: Json) -> Json:
    """Return a verdict of web/core in the words of the vectors, without a reason."""
    if not found["valid"]:
        return {"valid": False}
    return {"valid": True, **{name: found[there] for name, there in _FIELDS.items()}}
