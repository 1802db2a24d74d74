"""Refusals of notes that are posted by a form, beside those of every event. A page shows them, or they are the answer."""

from tests.refusals.case import Case, Elsewhere, Request

_TESTS = "tests/integration/test_post_form.py"
_POST = "POST /post HTTP/1.1\r\n"
_FORM = f"{_POST}Content-Type: application/x-www-form-urlencoded\r\n"

POSTS = [
    Case(
        'invalid: paste the whole signed note as JSON, or the message ["EVENT", ...] with it',
        "HTTP 422: the field holds something else.",
        "Paste all that the program which signed the note printed, from { to }.",
        Elsewhere(f"{_TESTS}::test_a_text_without_a_note_is_told_what_to_paste"),
    ),
    Case(
        "invalid: a message has at most {limits.max_message_bytes} bytes; shorten the note, or what pads it",
        "HTTP 422: the field holds more than that.",
        "Leave out spaces before and behind the note. By WebSocket a message is no larger either.",
        Elsewhere(f"{_TESTS}::test_a_form_that_is_too_large_is_413_however_it_comes"),
    ),
    Case(
        "restricted: no notes are posted on this path any more; choose another one, and post again",
        "HTTP 422: the operator has taken the path away since the page was opened, or there was none.",
        "Choose one of the paths that the page names now.",
        Elsewhere(f"{_TESTS}::test_a_path_that_is_gone_is_said_to_be"),
    ),
    Case(
        "rate-limited: at most {limits.read_bytes_per_s} characters a second are read from a network; wait and try again",
        "HTTP 429: the forms of one network have more than `limits.burst_factor` seconds' worth of characters.",
        "Wait, or send the note by WebSocket, where it is read more slowly.",
        Elsewhere(f"{_TESTS}::test_the_characters_in_the_forms_of_a_network_are_bounded"),
    ),
    Case(
        "send a form as browsers do: application/x-www-form-urlencoded, in UTF-8, each field once, with the note's JSON in the "
        "field note; or send the note by WebSocket",
        "HTTP 415: the body is said to be something else, or to be packed. HTTP 400: it is no form.",
        "Use the page, or a library's form.",
        {
            "no type": lambda v: Request(f"{_POST}X: {v.word}\r\n"),
            "another type": lambda v: Request(f"{_POST}Content-Type: application/{v.word}\r\n"),
            "a packed form": lambda v: Request(f"{_FORM}Content-Encoding: {v.word}\r\n"),
        },
    ),
    Case(
        "a form has at most {max_form_bytes} bytes as it is sent, where %22 is three; leave out what pads the note, or send it by "
        "WebSocket",
        "HTTP 413: the form is larger than three times `limits.max_message_bytes`.",
        "Send less.",
        {"a large form": lambda v: Request(f"{_FORM}X: {v.word}\r\nContent-Length: 5000000\r\n")},
    ),
    Case(
        "no other expectation than 100-continue is met here; send the form without it",
        "HTTP 417: another `Expect` (RFC 9110, 10.1.1).",
        "Send none.",
        {"another expectation": lambda v: Request(f"{_FORM}Expect: {v.word}\r\n")},
    ),
    Case(
        "the form took too long to come; send it again, or the note by WebSocket",
        "HTTP 408: the form has not come whole within `limits.request_timeout_s` after its head.",
        "Send it again.",
        Elsewhere(f"{_TESTS}::test_a_form_that_does_not_come_whole_is_ended_after_a_time"),
    ),
    Case(
        "too many forms are being sent; try again in a minute, or send the note by WebSocket",
        "HTTP 503: the forms that are on their way to the relay have 64 MiB together.",
        "Wait, or send the note by WebSocket.",
        Elsewhere("tests/unit/test_body.py::test_the_forms_under_way_are_bounded_all_together"),
    ),
    Case(
        "use GET, HEAD, OPTIONS or POST",
        "HTTP 405: another method, where forms are taken.",
        "Use one of these.",
        {"another method for the form": lambda v: Request(f"{v.word.upper()} /post HTTP/1.1\r\n")},
    ),
]
