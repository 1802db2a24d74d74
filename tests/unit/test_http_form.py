"""Forms by POST: read strictly, and refused where their head says that they are none."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.http.answer import Refused
from relay.http.form import check_form_head, find_max_form_bytes, read_posted_form
from relay.http.head import check_servable, parse_head
from tests.support.cpu_time import measure_fastest_s

HEAD = b"POST /post HTTP/1.1\r\nHost: x\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded"


def status_of_head(*lines: bytes) -> int:
    head = parse_head(HEAD + b"\r\n".join(lines))
    check_servable(head, takes_forms=True)
    with pytest.raises(Refused) as caught:
        check_form_head(head, 1_000)
    return caught.value.answer.status.value


def status_of_body(body: bytes) -> int:
    with pytest.raises(Refused) as caught:
        read_posted_form(body)
    return caught.value.answer.status.value


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=5))
def test_what_a_browser_sends_is_read_as_it_was_typed(fields: dict[str, str]) -> None:
    fields = {name: value.encode(errors="replace").decode() for name, value in fields.items()}
    fields = {name.encode(errors="replace").decode(): value for name, value in fields.items()}
    assert read_posted_form(urlencode(fields).encode()) == fields


@pytest.mark.parametrize(
    "body",
    [
        b"note=%ff",
        b"note=%c3",
        b"note=\xc3\xa9",
        b"note=a b",
        b"note=%zz",
        b"note=%4",
        b"note=%",
        b"note=1&note=2",
        b"%6eote=1&note=2",
    ],
)
def test_what_no_browser_sends_is_refused(body: bytes) -> None:
    assert status_of_body(body) == 400


@given(st.binary(max_size=40))
def test_any_byte_can_be_escaped_in_either_case(value: bytes) -> None:
    escaped = "".join(f"%{byte:02x}" if byte % 2 else f"%{byte:02X}" for byte in value)
    try:
        expected = value.decode()
    except UnicodeDecodeError:
        assert status_of_body(f"note={escaped}".encode()) == 400
    else:
        assert read_posted_form(f"note={escaped}".encode()) == {"note": expected}


def test_an_equals_sign_and_what_looks_like_an_escape_of_mail_stay() -> None:
    assert read_posted_form(b"note=a=3D=%3D=0A%0A==b=") == {"note": "a=3D===0A\n==b="}


def test_the_largest_form_is_read_in_a_moment_however_it_is_escaped() -> None:
    # It is read in the thread that serves all clients.
    size = find_max_form_bytes(262_144)
    for unit in (b"%22", b"%22a", b"%61%C3%A9", b"+", b"a"):
        body = b"note=" + unit * ((size - 5) // len(unit))
        assert measure_fastest_s(lambda body=body: read_posted_form(body)) < 0.03  # type: ignore[misc]


def test_more_fields_than_any_form_has_are_refused() -> None:
    assert len(read_posted_form(b"&".join(b"f%d=" % number for number in range(20)))) == 20
    assert status_of_body(b"&".join(b"f%d=" % number for number in range(21))) == 400
    assert status_of_body(b"&".join(b"f%d=" % number for number in range(100))) == 400


@pytest.mark.parametrize(
    "type_",
    [
        b"X: y",
        b"Content-Type: text/plain",
        b"Content-Type: multipart/form-data; boundary=x",
        b"Content-Type: application/json",
        b"Content-Type: application/x-www-form-urlencoded; charset=latin-1",
        FORM + b"\r\nContent-Type: text/plain",
        FORM + b"\r\nContent-Encoding: gzip",
    ],
)
def test_a_body_that_is_said_to_be_something_else_is_415_and_told_what_to_send(type_: bytes) -> None:
    assert status_of_head(type_) == 415


def test_a_form_may_name_its_charset_and_wait_for_a_word() -> None:
    for lines in (
        FORM + b"; charset=UTF-8",
        FORM.replace(b"application", b"Application") + b';charset="utf-8"',
        FORM + b"\r\nExpect: 100-Continue",
        FORM + b"\r\nContent-Encoding: identity",
        FORM + b"\r\nContent-Length: 1000",
        FORM + b"\r\nTransfer-Encoding: chunked",
    ):
        head = parse_head(HEAD + lines)
        check_servable(head, takes_forms=True)
        check_form_head(head, 1_000)


def test_another_expectation_is_417_and_a_longer_form_413() -> None:
    assert status_of_head(FORM, b"Expect: 200-ok") == 417
    assert status_of_head(FORM, b"Content-Length: 1001") == 413
    assert status_of_head(FORM, b"Content-Length: " + b"9" * 18) == 413


def test_a_message_of_the_largest_size_fits_in_whatever_its_letters_are() -> None:
    message = '"' * 2_000
    assert len(urlencode({"note": message, "path": f"/{'x' * 64}"})) <= find_max_form_bytes(len(message))


@pytest.mark.parametrize("method", [b"POST", b"PUT"])
def test_where_no_form_is_taken_post_is_405_and_elsewhere_it_is_named(method: bytes) -> None:
    head = parse_head(HEAD.replace(b"POST", method, 1) + FORM)
    with pytest.raises(Refused) as caught:
        check_servable(head)
    assert caught.value.answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    if method != b"POST":
        with pytest.raises(Refused) as caught:
            check_servable(head, takes_forms=True)
        assert caught.value.answer.headers["Allow"] == "GET, HEAD, OPTIONS, POST"
