"""Refusals: the machine-readable prefixes of NIP-01 and NIP-42, and the one exception for a client's faults."""

from enum import StrEnum


class Prefix(StrEnum):
    """The standardised first word of the reason in an OK or CLOSED (NIP-01, NIP-42)."""

    DUPLICATE = "duplicate"
    POW = "pow"
    BLOCKED = "blocked"
    RATE_LIMITED = "rate-limited"
    INVALID = "invalid"
    RESTRICTED = "restricted"
    MUTE = "mute"
    ERROR = "error"
    AUTH_REQUIRED = "auth-required"
    UNSUPPORTED = "unsupported"


# With these words a second OK says that a payment was below its invoice's amount.
SHORT_PAID = "restricted: less was paid than the invoice asks for; it counts: send the note again, and pay the rest"


class Rejected(Exception):
    """The refusal of what a client sent. The reason is a constant text that tells the client what to do next.

    A reason never repeats what was sent, but for the plain name of a tag: it can end up in other people's logs. What was
    found in a note, a few harmless characters of it, is told to its sender alone: it is in the text, and not in the reason.
    """

    def __init__(self, prefix: Prefix, reason: str, found: str = "") -> None:
        super().__init__(prefix, reason, found)
        self.prefix = prefix
        self.reason = reason
        self.found = found

    def __str__(self) -> str:
        return f"{self.prefix}: {self.reason}" + (f" (found: {self.found})" if self.found else "")
