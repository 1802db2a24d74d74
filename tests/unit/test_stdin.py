"""What commands read from stdin, on a real terminal too."""

import io
import os
import pty
import sys
import threading

import pytest

from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.stdin import read_stdin


def type_into_terminal(monkeypatch: pytest.MonkeyPatch, typed: bytes) -> bytes:
    """Return what `read_stdin` reads of what is typed into a terminal, up to Ctrl-D."""
    ours, theirs = pty.openpty()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(os.fdopen(theirs, "rb")))
    typing = threading.Thread(target=write_all, args=(ours, typed + b"\n\x04"))
    # What it shows is read away, or the terminal would wait.
    showing = threading.Thread(target=read_away, args=(ours,), daemon=True)
    typing.start()
    showing.start()
    try:
        return read_stdin(100_000, "Write the message", "shorten it")
    finally:
        typing.join()
        sys.stdin.close()
        showing.join()
        os.close(ours)


def write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data[:512]) :]


def read_away(descriptor: int) -> None:
    try:
        while os.read(descriptor, 4096):
            pass
    except OSError:
        # The other end is closed (EIO).
        return


def test_lines_that_a_terminal_keeps_whole_are_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert type_into_terminal(monkeypatch, b"a" * 4_094 + b"\nb") == b"a" * 4_094 + b"\nb\n"
    assert capsys.readouterr().err == "Write the message; end with Ctrl-D on a line of its own.\n"


@pytest.mark.parametrize("typed", [b"a" * 5_000, b"one\n" + b"a" * 9_000 + b"\nthree"])
def test_a_line_that_a_terminal_cut_is_refused_and_never_taken_for_the_whole(
    monkeypatch: pytest.MonkeyPatch, typed: bytes
) -> None:
    with pytest.raises(BadInput, match="cut a line"):
        type_into_terminal(monkeypatch, typed)


def test_a_file_may_have_lines_of_any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a" * 9_000)))
    assert read_stdin(9_000, "", "shorten it") == b"a" * 9_000
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a" * 9_001)))
    with pytest.raises(BadInput, match="more than 9000 bytes: shorten it"):
        read_stdin(9_000, "", "shorten it")
