"""The code of the file that signs (web/), run by Node without its page. Tests ask it what the command line is asked."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support import npm

ROOT = Path(__file__).parents[2]
DRIVER = ROOT / "tests" / "conformance" / "web_sign.mjs"


class Refused(Exception):
    """What the code refused, in the words of its page."""


class WebSign:
    """A running Node that answers one request at a time."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, action: str, **given: Any) -> Any:
        """Return what an action of web_sign.mjs finds. Raises Refused."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"action": action, **given}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or '{"fault": "Node ended"}')
        assert "fault" not in answer, answer["fault"]
        if "refused" in answer:
            raise Refused(answer["refused"])
        return answer["found"]


@contextmanager
def start_web_sign() -> Iterator[WebSign]:
    """Start Node with the packages of web/. Skips where either cannot be had."""
    node = npm.install(ROOT / "web", "the file that signs is not tested")
    command = [node, str(DRIVER)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield WebSign(process)
        assert process.stdin is not None
        process.stdin.close()
