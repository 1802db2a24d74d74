"""The headers of pages: what a browser may do with them, and whom it may tell of them. Knows no page."""

from http import HTTPStatus

from relay.http.answer import Answer

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
# The address alone gives access to what is shown: it must not get into a cache or an index.
PRIVATE = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"}


def build_page(
    html: str, status: HTTPStatus = HTTPStatus.OK, *, is_private: bool = False, type_: str = HTML_TYPE
) -> Answer:
    """Return a page, or text of another type. One that is private is kept nowhere, and no search engine may list it."""
    # None of the headers that let scripts of other sites read an answer (CORS).
    return Answer(status, {"Content-Type": type_, **_HEADERS, **(PRIVATE if is_private else {})}, html.encode())


def build_redirect(path: str) -> Answer:
    """Return the answer to a form that sends its browser on to a page by GET (RFC 9110, 15.4.4)."""
    return Answer(HTTPStatus.SEE_OTHER, {"Location": path, **_HEADERS, **PRIVATE}, b"")
