"""A headless Chromium, driven over the DevTools protocol. Knows nothing of what is tested in it.

https://chromedevtools.github.io/devtools-protocol/
"""

import asyncio
import itertools
import json
import os
import re
import shutil
import signal
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.support.time_factor import scaled
from tests.support.waiting import until

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_START_S = scaled(30.0)
_COMMAND_S = scaled(20.0)
_STOP_S = scaled(10.0)
_MAX_MESSAGE_BYTES = 64 * 2**20
_OPTIONS = (
    "--headless=new",
    "--remote-debugging-port=0",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--no-default-browser-check",
    # A page in a tab that is not in front would be timed once a second at most.
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    # Whatever a page or the browser itself may want, nothing leaves the machine.
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)

Json = dict[str, Any]


class Tab:
    """One page, and all that the browser told of it since it was opened."""

    def __init__(self, browser: "Browser", session: str) -> None:
        self._browser = browser
        self._session = session

    def list_events(self, method: str) -> list[Json]:
        """Return the parameters of the events of a kind, as "Network.requestWillBeSent", oldest first."""
        return [
            event["params"]
            for event in self._browser.events
            if event["method"] == method and event.get("sessionId") == self._session
        ]

    def list_faults(self) -> list[str]:
        """Return what the console was told to be wrong: exceptions, violations of the policy, warnings, errors."""
        thrown = [repr(event["exceptionDetails"]) for event in self.list_events("Runtime.exceptionThrown")]
        called = [
            repr(event["args"])
            for event in self.list_events("Runtime.consoleAPICalled")
            if event["type"] in ("error", "warning", "assert")
        ]
        entries = [event["entry"] for event in self.list_events("Log.entryAdded")]
        # Each answer with a status of 400 or more is one, wanted or not: those are not the page's fault.
        logged = [repr(entry) for entry in entries if entry["source"] != "network"]
        issues = [repr(event["issue"]) for event in self.list_events("Audits.issueAdded")]
        return thrown + called + logged + issues

    def list_requests(self) -> list[str]:
        """Return the URLs that were asked for, in order."""
        return [event["request"]["url"] for event in self.list_events("Network.requestWillBeSent")]

    async def call(self, method: str, **parameters: Any) -> Json:
        return await self._browser.call(method, self._session, **parameters)

    async def open(self, url: str) -> None:
        """Go to a page and wait until it is loaded."""
        loaded = len(self.list_events("Page.loadEventFired"))
        answer = await self.call("Page.navigate", url=url)
        assert "errorText" not in answer, answer
        await until(lambda: len(self.list_events("Page.loadEventFired")) > loaded)

    async def evaluate(self, expression: str) -> Any:
        """Return what a JavaScript expression gives in the page, awaited if it is a promise."""
        answer = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def find_text(self, selector: str) -> str:
        """Return the text of the first element that a selector finds, "" where there is none or it is not to be seen."""
        found = f"document.querySelector({json.dumps(selector)})"
        text: str = await self.evaluate(f"{found}?.checkVisibility() ? {found}.innerText : ''")
        return text

    async def click(self, selector: str) -> None:
        """Click with the mouse on the middle of an element: unlike element.click() this is what a person does."""
        await self.evaluate(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'center'}})")
        box = await self.evaluate(f"document.querySelector({json.dumps(selector)}).getBoundingClientRect().toJSON()")
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2, "button": "left", "clickCount": 1}
        await self.call("Input.dispatchMouseEvent", type="mousePressed", **at)
        await self.call("Input.dispatchMouseEvent", type="mouseReleased", **at)

    async def take_picture(self) -> str:
        """Return a PNG of the whole page, in base64."""
        picture: str = (await self.call("Page.captureScreenshot", captureBeyondViewport=True))["data"]
        return picture


class Browser:
    """A connection to a browser: commands by number, and the events of all its tabs."""

    def __init__(self, connection: ClientConnection) -> None:
        self.events: list[Json] = []
        self._connection = connection
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Json]] = {}

    async def read(self) -> None:
        async for message in self._connection:
            told = json.loads(message)
            if "id" in told:
                self._answers.pop(told["id"]).set_result(told)
            else:
                self.events.append(told)

    async def call(self, method: str, session: str | None = None, **parameters: Any) -> Json:
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": parameters}
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._connection.send(json.dumps(command if session is None else {**command, "sessionId": session}))
        async with asyncio.timeout(_COMMAND_S):
            told = await answer
        assert "error" not in told, (method, told["error"])
        result: Json = told["result"]
        return result

    async def open_tab(self) -> Tab:
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        tab = Tab(self, attached["sessionId"])
        for domain in ("Page", "Runtime", "Network", "Log", "Audits"):
            await tab.call(f"{domain}.enable")
        return tab


@asynccontextmanager
async def chromium(not_tested: str) -> AsyncIterator[Browser]:
    """Run a browser with a profile of its own. Skips where there is none; `not_tested` says what then goes untested."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.skip(f"{not_tested}: no {' or '.join(_NAMES)} on this machine")
    # Its sandbox does not start as root.
    options = (*_OPTIONS, "--no-sandbox") if os.geteuid() == 0 else _OPTIONS
    with tempfile.TemporaryDirectory(prefix="rr-chromium-", ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            *(path, *options, f"--user-data-dir={profile}", "about:blank"),
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
            # A process group of its own, so that its helpers end with it.
            start_new_session=True,
        )
        tasks = []
        try:
            url = await _read_url(process)
            async with connect(url, max_size=_MAX_MESSAGE_BYTES, proxy=None, compression=None) as connection:
                browser = Browser(connection)
                tasks = [asyncio.create_task(browser.read()), asyncio.create_task(_drain(process))]
                yield browser
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            async with asyncio.timeout(_STOP_S):
                await asyncio.gather(process.wait(), *tasks)


async def _read_url(process: Process) -> str:
    assert process.stderr is not None
    told = b""
    async with asyncio.timeout(_START_S):
        while line := await process.stderr.readline():
            told += line
            if found := re.search(rb"DevTools listening on (ws://\S+)", line):
                return found[1].decode()
    raise AssertionError(f"the browser ended before it could be driven: {told.decode(errors='replace')}")


async def _drain(process: Process) -> None:
    """Read what the browser complains of, lest it stop over a full pipe."""
    assert process.stderr is not None
    while await process.stderr.read(2**16):
        pass
