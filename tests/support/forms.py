"""Forms as browsers send them, in raw bytes. Knows no page."""

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import urlencode

from tests.support.raw import exchange, parse_answer

TYPE = "application/x-www-form-urlencoded"
_NONE: Mapping[str, str] = MappingProxyType({})


def encode_post(body: bytes, headers: Mapping[str, str] = _NONE, path: str = "/post") -> bytes:
    """Return a POST with a body of this length, unless the headers say another."""
    given = {"Host": "x", "Content-Type": TYPE, "Content-Length": str(len(body)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


async def post_note(
    port: int, note: str, path: str = "/", headers: Mapping[str, str] = _NONE
) -> tuple[int, dict[str, str], str]:
    """Send the form of the page for posting, and return the answer's status, headers and text."""
    body = urlencode({"note": note, "path": path}).encode()
    status, received, text = parse_answer(await exchange(port, encode_post(body, headers)))
    return status, received, text.decode()
