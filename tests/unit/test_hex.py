"""The one spelling of 32 bytes."""

import pytest

from relay.protocol.hex import is_hex32


def test_64_lower_case_digits_are_32_bytes() -> None:
    assert is_hex32("0123456789abcdef" * 4)


@pytest.mark.parametrize(
    "text",
    ["", "a" * 63, "a" * 65, "A" * 64, "g" * 64, "a" * 64 + "\n", " " + "a" * 63, "0x" + "a" * 62, "\u0661" * 64],
)
def test_no_other_spelling_is(text: str) -> None:
    assert not is_hex32(text)
