"""The author's session in a terminal, and the page that shows it. Knows no step.

Keys, ids, signatures and times are other ones each time. The page has a name in place of each, so that it is always the same.
"""

import os
import re
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

from relay.protocol import nip19
from tests.author_session.steps import PARTS, Step
from tests.conformance.notes import compact, nprofile_of, npub_of
from tests.conformance.signing import sag, secret_of
from tests.support.processes import REPOSITORY, serve
from tests.support.tmux import COLUMNS, PROMPT, Tmux, open_terminal

COMMAND = "python -m tests.author_session"
PAGE = REPOSITORY / "docs" / "author-session.md"
# Keys that are the same each time: of the other member, of those who posted a text, and the one that was typed wrongly.
SNOWDEN, BOB, CAROL, DAVE, TYPED = 31, 32, 33, 34, 35
# An example of BIP-39's.
_SEED_WORDS = "legal winner thank year wave sausage worth useful legal winner thank yellow"
_POSTED = "The minutes of {} were changed after the vote."
# The page's names for what is another each time, or long.
_SHOWN = {
    "me": "npub1ann...",
    "me_hex": "YOUR_KEY_IN_HEX",
    "snowden": "npub1snowden...",
    "profile": "nprofile1bob...",
    "bob": "npub1bob...",
    "carol": "npub1carol...",
    "dave": "npub1dave...",
    "signature": "ringA...",
    "note": "NOTE_ID",
    "ring": "RING_ID",
    "posted_ring": "OTHER_RING_ID",
    "url": "ws://127.0.0.1:7447",
}
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")
_INTRODUCTION = f"""\
# An author's session

Written by `{COMMAND}` from a real terminal; do not edit it here. A test fails when it is out of date.

From a new key to a published note of a ring of two, with the mistakes that are easily made on the way, and what the program says
to each. Where it refuses, nothing was signed or sent: correct the mistake, and give the command again.

Keys, ids and signatures have short names here, such as `npub1ann...` and `NOTE_ID`, long lines are broken between words, and the
note's time is not the true one. The relay is on the same machine. For any other, start Tor first, as the
[README](../README.md#a-first-ring-note) says.
"""


async def make_page(directory: Path) -> str:
    """Run the session and its relay in this directory, and return the page. A built-in Postgres must be able to live there."""
    relays, authors, terminals = (directory / name for name in ("relay", "author", "tmux"))
    for place in (relays, authors, terminals):
        place.mkdir()
    values = _write_files(authors)
    async with serve(relays) as relay, open_terminal(authors, terminals, _list_variables(authors)) as terminal:
        values["url"] = relay.url
        for part in PARTS:
            for step in part.steps:
                await _take_step(terminal, step, values)
        screen = await terminal.read_screen()
        await relay.stop()
    return _render(_split_screen(_replace(screen, values)))


def _write_files(directory: Path) -> dict[str, str]:
    """Write what the author has before the session, and return the values that are known before it."""
    snowden, bob, carol, dave = npub_of(SNOWDEN, BOB, CAROL, DAVE)
    signature = compact(sag(_POSTED.format("March"), (BOB, CAROL, DAVE), CAROL))
    posted = "\n".join((_POSTED.format("April"), "", "Ring:", bob, carol, dave, signature, ""))
    (directory / "posted.txt").write_text(posted, encoding="utf-8")
    nsec = nip19.encode_nsec(secret_of(TYPED))
    mistyped = nsec[:20] + ("q" if nsec[20] != "q" else "p") + nsec[21:]
    files = {"npub.key": npub_of(TYPED)[0], "words.key": _SEED_WORDS, "typed.key": mistyped, "quoted.key": f'"{nsec}"'}
    for name, written in files.items():
        (directory / name).touch(mode=0o600)
        (directory / name).write_text(f"{written}\n", encoding="utf-8")
    shared = {"snowden": snowden, "bob": bob, "carol": carol, "dave": dave}
    return {**shared, "profile": nprofile_of(BOB), "signature": signature}


def _list_variables(directory: Path) -> dict[str, str]:
    """Return the environment of a person with this program and no settings, on a machine without Tor."""
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
        "PYTHONPATH": str(REPOSITORY),
        "HOME": str(directory),
        "LC_ALL": "C.UTF-8",
        # It is looked for where nothing answers.
        "RINGRELAY_TOR": "127.0.0.1:1",
    }


async def _take_step(terminal: Tmux, step: Step, values: dict[str, str]) -> None:
    """Give the command, type what it asks for, wait for its end, and learn from what it shows."""
    await terminal.type(f"{step.command.format_map(values)}\n")
    for awaited, typed in step.typed:
        await terminal.wait_for(awaited)
        await terminal.type(typed.format_map(values))
    await terminal.wait_for(PROMPT)
    for name, pattern in step.learns:
        values[name] = re.findall(pattern, await terminal.read_screen())[-1]
    if "me" in values:
        values["me_hex"] = (nip19.decode_npub(values["me"]) or b"").hex()


def _replace(screen: str, values: Mapping[str, str]) -> str:
    """Return the screen with the page's names and time."""
    # A column shows the start of a ring id.
    shown = {values[name]: name_of_it for name, name_of_it in _SHOWN.items()} | {values["ring"][:8]: "RING_ID "}
    for value in sorted(shown, key=len, reverse=True):
        screen = screen.replace(value, shown[value])
    return _TIME.sub("2030-01-31 12:00", screen)


def _split_screen(screen: str) -> list[str]:
    """Return each command with what it shows."""
    shown: list[list[str]] = []
    for line in map(str.rstrip, screen.rstrip().splitlines()[:-1]):
        if line.startswith(PROMPT):
            shown.append([])
        shown[-1] += textwrap.wrap(line, COLUMNS, break_long_words=False, break_on_hyphens=False) or [""]
    return ["\n".join(lines) for lines in shown]


def _render(screens: list[str]) -> str:
    """Return the page."""
    shown = iter(screens)
    pieces = [_INTRODUCTION]
    for part in PARTS:
        pieces += [f"\n## {part.heading}\n", f"\n{part.says}\n" if part.says else ""]
        pieces += [f"\n{step.says}\n\n```console\n{next(shown)}\n```\n" for step in part.steps]
    return "".join(pieces)
