"""Write docs/author-session.md from a real terminal: `python -m tests.author_session`. Needs tmux."""

import asyncio
import os
import tempfile
from pathlib import Path

from tests.author_session.session import PAGE, make_page


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        # Where the relay runs as root, its Postgres runs as another user, who must be able to enter.
        os.chmod(name, 0o711)
        PAGE.write_text(asyncio.run(make_page(Path(name))), encoding="utf-8")


if __name__ == "__main__":
    main()
