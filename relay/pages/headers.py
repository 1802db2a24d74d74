"""The headers of pages: what a browser may do with them, and whom it may tell of them. Knows no page."""

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from types import MappingProxyType

from relay.config import Config
from relay.http.answer import Answer, build_answer
from relay.http.request import Request

HTML_TYPE = "text/html; charset=utf-8"
# CSP level 3. All that a page loads is a file of its own relay, and no text can become a script (Trusted Types).
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types ringrelay",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    # Whoever follows a link from here comes from nowhere.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # One address has an info document and a page in each language.
    "Vary": "Accept, Accept-Language",
}
_NONE: Mapping[str, str] = MappingProxyType({})
# The address alone gives access to what is shown: it must not get into a cache or an index.
PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}


def build_page(
    html: str,
    status: HTTPStatus = HTTPStatus.OK,
    *,
    is_private: bool = False,
    type_: str = HTML_TYPE,
    keep_until: float | None = None,
    headers: Mapping[str, str] = _NONE,
) -> Answer:
    """Return a page, or text of another type. One that is private is kept nowhere, and no search engine may list it.

    `keep_until`, a Unix time, is when something on it expires.
    """
    # None of the headers that let scripts of other sites read an answer (CORS).
    all_headers = {"Content-Type": type_, **_HEADERS, **(PRIVATE if is_private else {}), **headers}
    return Answer(status, all_headers, html.encode(), keep_until)


def build_redirect(path: str) -> Answer:
    """Return the answer to a form that sends its browser on to a page by GET (RFC 9110, 15.4.4)."""
    return Answer(HTTPStatus.SEE_OTHER, {"Location": path, **_HEADERS, **PRIVATE}, b"")


def build_robots(is_indexed: bool) -> Answer:
    """Return what search engines are asked for (RFC 9309). Pay pages are known by their addresses alone, in any case."""
    disallowed = ("/pay/", "/post") if is_indexed else ("/",)
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in disallowed), ""]
    return build_answer(HTTPStatus.OK, "text/plain; charset=utf-8", "\n".join(lines).encode())


def add_site_headers(answer: Answer, config: Config, request: Request) -> Answer:
    """Return a page with what the operator wants said of it: whether it may be listed, and its onion address."""
    headers = dict(answer.headers)
    if not config.pages.index:
        # A copy that a search engine keeps would outlive a deletion here.
        headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    onion_url = config.server.onion_url
    if onion_url and headers.get("Content-Type") == HTML_TYPE and not _is_onion(request.host):
        # Tor Browser offers it to its reader.
        headers["Onion-Location"] = onion_url + request.path + "".join(request.target.partition("?")[1:])
    return replace(answer, headers=headers)


def _is_onion(host: str) -> bool:
    return host.partition(":")[0].lower().endswith(".onion")
