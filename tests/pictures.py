"""Make the pictures of the README from a real relay: `python -m tests.pictures`. Needs Chromium, and port 7447 free.

The terminal is one that a shell really ran in; only the note's time is replaced, so that the picture shows no date.
"""

import asyncio
import base64
import os
import pty
import re
import select
import sys
import tempfile
from fcntl import ioctl
from html import escape
from pathlib import Path
from struct import pack
from termios import TIOCSWINSZ

from tests.support.chromium import chromium
from tests.support.client import Client
from tests.support.events import make_ring_note
from tests.support.lightning_stubs import LndStub
from tests.support.paid import order, to_settings
from tests.support.processes import REPOSITORY, serve
from tests.support.time_factor import scaled

IMAGES = REPOSITORY / "docs" / "images"
URL = "ws://127.0.0.1:7447"
COLUMNS = 118
BOUND_S = scaled(60.0)
PROMPT = "$ "
# What is typed, and what must be on the screen before the next line is. Echo itself ends each line with \r\n.
SESSION = (
    ("for name in ann bob me; do ringrelay keygen --out $name.key >> ring.txt; done\n", PROMPT),
    ("ringrelay sign --ring ring.txt --key-file me.key > note.json\n", "on a line of its own.\r\n"),
    ("The minutes of March were changed after the vote.\n", "the vote.\r\n"),
    ("\x04", PROMPT),
    (f"ringrelay publish {URL} < note.json\n", PROMPT),
    (f"ringrelay subscribe {URL} --stored --min-ring 3\n", PROMPT),
)
TYPED = {typed.strip() for typed, _ in SESSION}
# In pixels: of a character, of a line, and around all of them.
WIDTH, HEIGHT, MARGIN = 7.25, 18, 14
# Of the pay page: high enough for no scroll bar, and the part that is in the picture, down to the invoice.
PAGE = {"width": 460, "height": 1_400}
SHOWN = {"width": 460, "height": 604}


def record_session(directory: Path) -> list[str]:
    """Return the lines of a shell's terminal after the session."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(directory)
        path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
        environment = {"PATH": path, "HOME": str(directory), "TERM": "dumb", "PS1": PROMPT, "LC_ALL": "C.UTF-8"}
        os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"], environment)
    ioctl(terminal, TIOCSWINSZ, pack("HHHH", 50, COLUMNS, 0, 0))
    shown = _read_until(terminal, PROMPT)
    for typed, awaited in SESSION:
        os.write(terminal, typed.encode())
        shown += _read_until(terminal, awaited)
    os.write(terminal, b"exit\n")
    os.waitpid(pid, 0)
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "2030-01-31 12:00", shown).removesuffix(PROMPT).splitlines()


def _read_until(terminal: int, awaited: str) -> str:
    shown = b""
    while not shown.endswith(awaited.encode()):
        assert select.select([terminal], [], [], BOUND_S)[0], shown
        shown += os.read(terminal, 4096)
    return shown.decode()


def draw_terminal(lines: list[str]) -> str:
    """Return an SVG of a terminal; what was typed is lighter, and what is too long goes on in the next line."""
    lines = [line[start : start + COLUMNS] for line in lines for start in range(0, max(len(line), 1), COLUMNS)]
    width, height = round(COLUMNS * WIDTH + 2 * MARGIN), len(lines) * HEIGHT + 2 * MARGIN
    rows = []
    for number, line in enumerate(lines):
        typed = ' class="typed"' if line.removeprefix(PROMPT) in TYPED else ""
        at = MARGIN + number * HEIGHT + HEIGHT * 0.75
        rows.append(f'<text x="{MARGIN}" y="{at:g}"{typed}>{escape(line, quote=False)}</text>')
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            'xml:space="preserve">',
            "<style>text { font: 12px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; white-space: pre; "
            "fill: #b8c0cc } .typed { fill: #fff; font-weight: bold }</style>",
            f'<rect width="{width}" height="{height}" rx="8" fill="#1b1f27"/>',
            *rows,
            "</svg>\n",
        )
    )


async def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        # Where the relay runs as root, its Postgres runs as another user, who must be able to enter.
        os.chmod(name, 0o711)
        for part in ("node", "relay", "author"):
            (Path(name) / part).mkdir()
        node = LndStub(Path(name) / "node")
        await node.start()
        settings = {**to_settings(node), "SERVER__PORT": "7447"}
        async with serve(Path(name) / "relay", **settings) as relay:
            lines = await asyncio.to_thread(record_session, Path(name) / "author")
            (IMAGES / "terminal.svg").write_text(draw_terminal(lines), encoding="utf-8")
            async with Client(f"{URL}/1k") as author, chromium("no picture was made") as browser:
                offer = await order(author, make_ring_note())
                tab = await browser.open_tab()
                await tab.call("Emulation.setDeviceMetricsOverride", **PAGE, deviceScaleFactor=1.5, mobile=False)
                await tab.open(offer.pay_url)
                picture = await tab.call("Page.captureScreenshot", clip={**SHOWN, "x": 0, "y": 0, "scale": 1})
                (IMAGES / "pay-page.png").write_bytes(base64.b64decode(picture["data"]))
            await relay.stop()
        await node.stop()


if __name__ == "__main__":
    asyncio.run(main())
