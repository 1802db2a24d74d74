"""An HTTP request as those who answer it see it. It has no address, no cookie and no name of a browser."""

from dataclasses import dataclass
from functools import cached_property
from urllib.parse import parse_qsl

from relay.http.head import find_path

# No page has so many fields.
_MAX_FIELDS = 50


@dataclass(frozen=True)
class Request:
    """A request whose method, target (path and query), headers and body are those of RFC 9110. Missing headers are empty."""

    method: str
    target: str
    accept: str = ""
    accept_language: str = ""
    body: bytes = b""
    host: str = ""

    @cached_property
    def path(self) -> str:
        """Return the path without its query."""
        return find_path(self.target)

    @cached_property
    def query(self) -> dict[str, str]:
        """Return the fields of the query; of several with one name the first. One that cannot be read is empty."""
        return read_form(self.target.partition("?")[2])


def read_form(text: str) -> dict[str, str]:
    """Return the fields of a form (WHATWG URL, application/x-www-form-urlencoded); of several with one name the first."""
    try:
        fields = parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError:
        return {}
    return dict(reversed(fields))
