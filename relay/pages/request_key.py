"""What a page depends on, of all that a request says: its path, the fields that pages read, a language. Knows no page.

Nothing else reaches a page that is kept for others, so that nobody can choose what others see.
"""

from urllib.parse import urlencode

from relay.http.request import Request
from relay.pages.cache import PageKey

# Every field that a page reads: where a list goes on, the filter of notes, the path to post on.
_FIELDS = ("answers", "before", "member", "minring", "path", "replies", "ring", "scheme")
# Ids, keys and cursors are shorter.
_MAX_CHARS = 5_000


def make_key(request: Request, language: str) -> PageKey:
    """Return what a request's page depends on. Fields that are empty, unknown or too long say nothing."""
    fields = ((name, request.query.get(name, "")) for name in _FIELDS)
    return PageKey(
        request.path, tuple((name, value) for name, value in fields if 0 < len(value) <= _MAX_CHARS), language
    )


def to_request(key: PageKey) -> Request:
    """Return a request that says nothing but what its page depends on."""
    return Request("GET", f"{key.path}?{urlencode(key.query)}" if key.query else key.path)
