"""Forms that are sent by POST (WHATWG URL, application/x-www-form-urlencoded): whether one is, and its fields. Knows no socket.

No token against requests from other sites (CSRF) is in them: there are no cookies and no log-in here, so a form that another
site makes a browser send is one that the site could have sent itself.
"""

import re
from binascii import a2b_qp
from http import HTTPStatus

from relay.http.answer import Answer, Refused, refuse
from relay.http.head import Head

_FORM_TYPE = "application/x-www-form-urlencoded"
_CHARSETS = ("", "utf-8", "utf8")
# A letter of a note is one to three characters here: %22 is a quote. Names and what is around them are few.
_MAX_GROWTH = 3
_MAX_AROUND_BYTES = 4_096
_MAX_FIELDS = 20
# Browsers escape all others, and nothing but two hex digits follows their %.
_PLAIN = bytes(range(0x21, 0x7F))
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def find_max_form_bytes(max_message_bytes: int) -> int:
    """Return how many bytes of a form may come for a message of so many."""
    return _MAX_GROWTH * max_message_bytes + _MAX_AROUND_BYTES


def check_form_head(head: Head, max_form_bytes: int) -> None:
    """Refuse a POST whose head says that its body is no form, or is too large. Raises Refused."""
    type_, _, rest = head.join("content-type").partition(";")
    charset = rest.strip().lower().removeprefix("charset=").strip('"')
    # Nothing is unpacked: a small body can be a large one, packed.
    codings = head.join("content-encoding").strip().lower()
    if type_.strip().lower() != _FORM_TYPE or charset not in _CHARSETS or codings not in ("", "identity"):
        raise Refused(refuse(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, _describe_form()))
    if any(value.lower() != "100-continue" for value in head.headers.get("expect", [])):
        # RFC 9110, 10.1.1.
        text = "no other expectation than 100-continue is met here; send the form without it"
        raise Refused(refuse(HTTPStatus.EXPECTATION_FAILED, text))
    if sum(map(int, head.headers.get("content-length", []))) > max_form_bytes:
        raise Refused(refuse_large_form(max_form_bytes))


def read_posted_form(body: bytes) -> dict[str, str]:
    """Return the fields of a form. Raises Refused where it is none, is not UTF-8, or has two fields of one name."""
    parts = [part.partition(b"=") for part in body.split(b"&", _MAX_FIELDS) if part]
    fields = {} if _is_bad(body) else {_decode(name): _decode(value) for name, _, value in parts}
    if len(fields) < len(parts) or len(parts) > _MAX_FIELDS:
        raise Refused(_refuse_form())
    return fields


def refuse_large_form(max_form_bytes: int) -> Answer:
    """Return the refusal of a form that is larger than allowed."""
    text = (
        f"a form has at most {max_form_bytes} bytes as it is sent, where %22 is three; leave out what pads the note, "
        "or send it by WebSocket"
    )
    return refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text)


def _is_bad(body: bytes) -> bool:
    return bool(body.translate(None, _PLAIN)) or _BAD_ESCAPE.search(body) is not None


def _decode(text: bytes) -> str:
    # Escapes are those of mail (RFC 2045, 6.7) but for their sign. urllib reads the largest form in 0.1 s, this in 5 ms.
    quoted = text.replace(b"+", b" ").replace(b"=", b"=3D").replace(b"%", b"=")
    try:
        return a2b_qp(quoted).decode()
    except UnicodeDecodeError:
        raise Refused(_refuse_form()) from None


def _refuse_form() -> Answer:
    return refuse(HTTPStatus.BAD_REQUEST, _describe_form())


def _describe_form() -> str:
    return (
        "send a form as browsers do: application/x-www-form-urlencoded, in UTF-8, each field once, with the note's JSON in "
        "the field note; or send the note by WebSocket"
    )
