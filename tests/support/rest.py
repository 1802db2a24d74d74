"""JSON over HTTP to servers on loopback, for tests that set one up. Knows no server."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

from tests.support.time_factor import scaled

_TIMEOUT_S = scaled(60.0)


class RestError(Exception):
    """Say what a server answered instead of what was asked for."""


async def call(
    method: str,
    url: str,
    body: Any = None,
    *,
    headers: Mapping[str, str] = MappingProxyType({}),
    certificate: Path | None = None,
) -> Any:
    """Return the JSON of an answer; `certificate` is the one to trust with https. Raises RestError, OSError."""
    return await asyncio.to_thread(_call, method, url, body, headers, certificate)


def _call(method: str, url: str, body: Any, headers: Mapping[str, str], certificate: Path | None) -> Any:
    # A proxy of the host's would not find the loopback.
    handlers: list[Any] = [ProxyHandler({})]
    if certificate is not None:
        handlers.append(HTTPSHandler(context=ssl.create_default_context(cafile=certificate)))
    data = None if body is None else json.dumps(body).encode()
    request = Request(url, data, {"Content-Type": "application/json", **headers}, method=method)
    try:
        with build_opener(*handlers).open(request, timeout=_TIMEOUT_S) as response:
            return json.loads(response.read())
    except HTTPError as error:
        with error:
            raise RestError(f"{method} {url}: {error.code} {error.read()[:500]!r}") from None
