"""Headless Chromium and Firefox, driven by puppeteer-core (tests/browser/drive.mjs). Knows nothing of what is tested in them.

Each browser has a fresh profile, and reaches loopback only: what it wants from elsewhere ends in a trap that writes it down.
"""

import asyncio
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.npm import install
from tests.support.time_factor import scaled
from tests.support.waiting import until

FOLDER = Path(__file__).parents[1] / "browser"
CHROMIUM, FIREFOX = "chromium", "firefox"
BROWSERS = (CHROMIUM, FIREFOX)
WIDE, PHONE, NARROW = (1280, 900), (390, 844), (320, 640)
# The level that the pages are held to; https://www.deque.com/axe/core-documentation/api-documentation/#axecore-tags
WCAG_22_AA = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")

_PROGRAMS = {CHROMIUM: (CHROMIUM, "chromium-browser", "google-chrome"), FIREFOX: ("firefox-esr", FIREFOX)}
_START_S = scaled(60.0)
_COMMAND_S = scaled(60.0)
_STOP_S = scaled(10.0)


@dataclass(frozen=True)
class Settings:
    """What is decided when a browser starts. With `loopback` off it reaches nothing; `insecure` takes any certificate.

    With `compilers` off it has neither a JIT compiler nor WebAssembly, as Tor Browser at its level Safer.
    """

    name: str
    script: bool = True
    dark: bool = False
    languages: str = "en"
    loopback: bool = True
    insecure: bool = False
    compilers: bool = True


class Browser:
    """A browser and the program that drives it, a command at a time. Belongs to no event loop."""

    def __init__(self, settings: Settings, not_tested: str) -> None:
        """Start it. Skips where there is no such browser, or no Node; `not_tested` says what then goes untested."""
        path = next(filter(None, map(shutil.which, _PROGRAMS[settings.name])), None)
        if path is None:
            pytest.skip(f"{not_tested}: no {' or '.join(_PROGRAMS[settings.name])} on this machine")
        node = install(FOLDER, not_tested)
        self.settings = settings
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._stack = ExitStack()
        try:
            # Nothing that a browser left there may end a test.
            root = Path(
                self._stack.enter_context(tempfile.TemporaryDirectory(prefix="rr-", ignore_cleanup_errors=True))
            )
            self.downloads = root / "downloads"
            self.downloads.mkdir()
            self._errors = self._stack.enter_context((root / "errors").open("w+"))
            told = {**asdict(settings), "path": path, "profile": str(root / "profile")}
            told |= {"downloads": str(self.downloads), "isRoot": os.geteuid() == 0}
            self._process = subprocess.Popen(
                [node, str(FOLDER / "drive.mjs"), json.dumps(told)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                # A process group of its own, so that the browser ends with it.
                start_new_session=True,
            )
            self._stack.callback(self._end)
            self.version = self.call_now("describe", _START_S)
        except BaseException:
            self._stack.close()
            raise

    def call_now(self, command: str, limit_s: float = _COMMAND_S, **given: Any) -> Any:
        """Return what a command of drive.mjs gives. Raises AssertionError with what it says went wrong."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            timer = threading.Timer(limit_s, self._kill)
            timer.start()
            try:
                self._process.stdin.write(json.dumps({"command": command, **given}) + "\n")
                self._process.stdin.flush()
                line = self._process.stdout.readline()
            except BrokenPipeError:
                line = ""
            finally:
                timer.cancel()
        if not line:
            self._errors.seek(0)
            pytest.fail(
                f"{self.settings.name} ended in {command} (limit {limit_s:g} s): {self._errors.read()[-4_000:]}"
            )
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["result"]

    async def call(self, command: str, **given: Any) -> Any:
        """Do the same without holding up the event loop, in which the relay may run."""
        return await asyncio.to_thread(self.call_now, command, **given)

    async def list_strays(self) -> list[str]:
        """Return the first line of each request that wanted to leave the machine, the browser's own and those of any page."""
        strays: list[str] = await self.call("listStrays")
        return strays

    @asynccontextmanager
    async def page(self, size: tuple[int, int] = WIDE) -> AsyncIterator["Page"]:
        """Give a page of this size, in pixels."""
        page = Page(self, next(self._numbers))
        await page.call("openPage", width=size[0], height=size[1])
        try:
            yield page
        finally:
            await page.call("closePage")

    def close(self) -> None:
        self._stack.close()

    def _end(self) -> None:
        """Let the browser end, and make it end if it does not."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_S)
        self._kill()
        self._process.wait(_STOP_S)
        self._process.stdout.close()

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


class Page:
    """One page of a browser, and all that was seen of it since it was opened."""

    def __init__(self, browser: Browser, number: int) -> None:
        self.browser = browser
        self._number = number

    async def call(self, command: str, **given: Any) -> Any:
        return await self.browser.call(command, id=self._number, **given)

    async def open(self, url: str) -> int:
        """Go to a page, wait until it is loaded, and return the status of the answer (0 for a file)."""
        status: int = await self.call("open", url=url)
        return status

    async def evaluate(self, code: str, *given: Any) -> Any:
        """Return what a JavaScript function, as "() => document.title", gives in the page. Works with script off, too."""
        return await self.call("evaluate", code=code, given=given)

    async def find_text(self, selector: str = "body") -> str:
        """Return the text of the first element that a selector finds, "" where there is none or it is not to be seen."""
        text: str = await self.evaluate(
            "(wanted) => { const found = document.querySelector(wanted); "
            "return found?.checkVisibility() ? found.innerText : '' }",
            selector,
        )
        return text

    async def wait_for(self, code: str, *given: Any, bound_s: float = scaled(20.0)) -> None:
        """Wait until a JavaScript function gives something true."""

        async def is_so() -> bool:
            return bool(await self.evaluate(code, *given))

        try:
            await until(is_so, bound_s)
        except TimeoutError:
            pytest.fail(f"not so after {bound_s:g} s: {code} {given}, on a page that says: {await self.find_text()}")

    async def wait_for_text(self, words: str, selector: str = "body", bound_s: float = scaled(20.0)) -> None:
        """Wait until words are to be seen in an element."""
        found = "(words, wanted) => document.querySelector(wanted)?.innerText.includes(words)"
        await self.wait_for(found, words, selector, bound_s=bound_s)

    async def click(self, selector: str) -> None:
        """Click with the mouse on the middle of an element."""
        await self.call("click", selector=selector)

    async def follow(self, selector: str) -> int:
        """Click on what leads to another page, and return the status of its answer."""
        status: int = await self.call("follow", selector=selector)
        return status

    async def fill(self, selector: str, text: str) -> None:
        """Type into a field, in place of what it holds; long texts are better pasted."""
        await self.call("fill", selector=selector, text=text)

    async def paste(self, selector: str, text: str) -> None:
        await self.call("paste", selector=selector, text=text)

    async def press(self, key: str) -> None:
        """Press a key, as "Tab"; https://pptr.dev/api/puppeteer.keyinput"""
        await self.call("press", key=key)

    async def attach(self, selector: str, *paths: Path) -> None:
        """Choose files in a field for files."""
        await self.call("attach", selector=selector, paths=[str(path) for path in paths])

    async def download(self, selector: str) -> Path:
        """Click on what is a download, and return the file when it is whole."""
        before = set(self.browser.downloads.iterdir())
        await self.click(selector)

        def find() -> list[Path]:
            new = set(self.browser.downloads.iterdir()) - before
            # Each browser writes into a file of another name first, and Firefox holds the place with an empty one.
            is_whole = new and not any(path.suffix in (".crdownload", ".part") for path in new)
            return [path for path in new if path.stat().st_size] if is_whole else []

        await until(find)
        (path,) = find()
        return path

    async def resize(self, size: tuple[int, int]) -> None:
        await self.call("resize", width=size[0], height=size[1])

    async def take_picture(self, path: Path, *, whole: bool = True) -> None:
        """Write a PNG of the whole page, or of what is on the screen."""
        await self.call("takePicture", path=str(path), whole=whole)

    async def audit(self, *rules: str) -> list[dict[str, Any]]:
        """Return what axe-core finds wrong: each rule, with the elements that break it. Without rules: those of WCAG_22_AA."""
        wanted = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": WCAG_22_AA}
        found: list[dict[str, Any]] = await self.call("audit", **wanted)
        return found

    async def run(self, path: Path, given: Any = None) -> Any:
        """Return what a story in JavaScript gives: the file's default function, `async (page, given) => result`."""
        return await self.call("run", path=str(path), given=given)

    async def list_requests(self) -> list[str]:
        """Return the URLs that the page asked for, in order. Not those of its workers: see Browser.list_strays."""
        requests: list[str] = (await self.call("report"))["requests"]
        return requests

    async def list_faults(self) -> list[str]:
        """Return what went wrong: exceptions, dialogs, violations of the policy, errors and warnings on the console."""
        seen = await self.call("report")
        faults: list[str] = seen["faults"] + [f"dialog: {dialog}" for dialog in seen["dialogs"]]
        return faults


class Browsers:
    """The browsers of a test file: each is started when it is first asked for, and ends with the last test."""

    def __init__(self, not_tested: str) -> None:
        self._not_tested = not_tested
        self._started: dict[Settings, Browser] = {}

    def get(self, name: str, **settings: Any) -> Browser:
        """Return a browser of this name and these settings. Skips where it cannot be had."""
        wanted = Settings(name, **settings)
        if wanted not in self._started:
            self._started[wanted] = Browser(wanted, self._not_tested)
        return self._started[wanted]

    def close(self) -> None:
        for browser in self._started.values():
            browser.close()
