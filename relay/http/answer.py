"""HTTP answers, whoever sends them: the headers that each of them has, and refusals. Knows no socket and no library of HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType

_ALLOWED = "GET, HEAD, OPTIONS"
_ALLOWED_OF_FORMS = f"{_ALLOWED}, POST"
_COMMON = {
    # NIP-11: browsers must be able to read the document from any page.
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Allow-Methods": _ALLOWED,
    # The answer loads nothing, and no other page may frame it.
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    # One address has an info document and a page.
    "Vary": "Accept",
}
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. Its headers lack those of the message: length, and that the connection ends.

    `keep_until`, a Unix time, is how long it may be repeated to others at the longest, None for as long as it may at all.

    It has no Date, against RFC 9110, 6.6.1: a clock that is a little off tells which machine is behind an onion address.
    """

    status: HTTPStatus
    headers: Mapping[str, str]
    body: bytes
    keep_until: float | None = None

    def list_all_headers(self) -> dict[str, str]:
        """Return the headers with those of the message, for where no library adds them."""
        return {**self.headers, "Content-Length": str(len(self.body)), "Connection": "close"}

    def encode(self, method: str) -> bytes:
        """Return the whole message as bytes; to HEAD it has no body (RFC 9110, 9.3.2)."""
        lines = [f"HTTP/1.1 {self.status.value} {self.status.phrase}"]
        lines += [f"{name}: {value}" for name, value in self.list_all_headers().items()]
        return "\r\n".join((*lines, "", "")).encode() + (b"" if method == "HEAD" else self.body)


class Refused(Exception):
    """A request that is not served, with the answer that says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status.phrase)
        self.answer = answer


def build_answer(status: HTTPStatus, type_: str, body: bytes, headers: Mapping[str, str] = _NONE) -> Answer:
    """Return an answer. `type_` is the whole Content-Type, and `headers` win over those of all answers."""
    return Answer(status, {**_COMMON, "Content-Type": type_, **headers}, body)


def refuse(status: HTTPStatus, text: str, headers: Mapping[str, str] = _NONE) -> Answer:
    """Return a refusal as plain text."""
    return build_answer(status, "text/plain; charset=utf-8", f"{text}\n".encode(), headers)


def refuse_method(*, takes_forms: bool) -> Answer:
    """Return the refusal of another method than those that a path takes, which it names (RFC 9110, 15.5.6)."""
    text = "use GET, HEAD, OPTIONS or POST" if takes_forms else "use GET, HEAD or OPTIONS"
    return refuse(HTTPStatus.METHOD_NOT_ALLOWED, text, _list_methods(takes_forms))


def answer_options(*, takes_forms: bool) -> Answer:
    """Return the methods that a path takes (RFC 9110, 9.3.7)."""
    return build_answer(HTTPStatus.NO_CONTENT, "text/plain; charset=utf-8", b"", _list_methods(takes_forms))


def _list_methods(takes_forms: bool) -> Mapping[str, str]:
    # Scripts of other sites are told of reading alone (Access-Control-Allow-Methods): a form needs none.
    return {"Allow": _ALLOWED_OF_FORMS if takes_forms else _ALLOWED}
