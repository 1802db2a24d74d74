"""The bodies of forms, read from aiohttp: bounded each and all together, in a bounded time. Knows no page."""

import asyncio
from collections import Counter
from http import HTTPStatus

from aiohttp import HttpVersion11, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from relay.http.answer import Refused, refuse
from relay.http.form import refuse_large_form
from relay.http.head import refuse_malformed

# Of all forms under way. A form of the largest size by default is 0.8 MB, and most are a hundredth of that.
_MAX_BYTES_UNDER_WAY = 67_108_864


class BodyReader:
    """The forms under way."""

    def __init__(self, max_form_bytes: int, timeout_s: float, max_under_way: int = _MAX_BYTES_UNDER_WAY) -> None:
        self._max_form_bytes = max_form_bytes
        self._timeout_s = timeout_s
        self._max_under_way = max_under_way
        # Until a form is answered and its client has read that: what waits for its turn takes memory, too, and the answer
        # to a note that is refused has all of it again.
        self.bytes_under_way = 0
        self._sizes: Counter[asyncio.Task[None]] = Counter()

    async def read(self, request: web.BaseRequest) -> bytes:
        """Return the whole body of a request. Raises Refused."""
        body = bytearray()
        # A connection has one task, and one request.
        connection = request.task
        connection.add_done_callback(self._forget)
        try:
            async with asyncio.timeout(self._timeout_s):
                await _ask_for_body(request)
                async for chunk in request.content.iter_any():
                    body += chunk
                    self.bytes_under_way += len(chunk)
                    self._sizes[connection] += len(chunk)
                    self._check_size(len(body))
        except TimeoutError:
            text = "the form took too long to come; send it again, or the note by WebSocket"
            raise Refused(refuse(HTTPStatus.REQUEST_TIMEOUT, text)) from None
        except (HttpProcessingError, RequestPayloadError, OSError):
            # Chunks that are none, or a client that has gone.
            raise Refused(refuse_malformed()) from None
        return bytes(body)

    def _forget(self, connection: asyncio.Task[None]) -> None:
        self.bytes_under_way -= self._sizes.pop(connection, 0)

    def _check_size(self, size: int) -> None:
        if size > self._max_form_bytes:
            raise Refused(refuse_large_form(self._max_form_bytes))
        if self.bytes_under_way > self._max_under_way:
            text = "too many forms are being sent; try again in a minute, or send the note by WebSocket"
            raise Refused(refuse(HTTPStatus.SERVICE_UNAVAILABLE, text))


async def _ask_for_body(request: web.BaseRequest) -> None:
    """Answer a client that waits for a word before it sends its body (RFC 9110, 10.1.1)."""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
