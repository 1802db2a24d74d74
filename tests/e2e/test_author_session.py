"""An author's whole way in a real terminal, from a new key to a published note, as docs/author-session.md shows it."""

from pathlib import Path

import pytest

from tests.author_session.session import COMMAND, PAGE, make_page
from tests.author_session.steps import PARTS
from tests.support import tmux

# A key or an id is longer, whatever its spelling; no path or command of the page is.
LONG_TOKEN_CHARS = 45


@pytest.mark.skipif(not tmux.is_installed(), reason="the author's session is not tested: no tmux on this machine")
async def test_the_page_shows_what_the_terminal_shows(reachable_directory: Path) -> None:
    assert PAGE.read_text(encoding="utf-8") == await make_page(reachable_directory), f"run `{COMMAND}`"


def test_the_page_holds_every_step_and_no_key_or_passphrase() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page.count("\n```console\n") == sum(len(part.steps) for part in PARTS)
    assert [word for word in page.split() if len(word) > LONG_TOKEN_CHARS or word == "horse"] == []
