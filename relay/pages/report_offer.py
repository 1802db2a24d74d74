"""Whether readers can report a note here (NIP-56), and how. Knows no note and no template."""

from dataclasses import dataclass
from typing import Any

from relay.config import Config
from relay.policy.tiers import Tiers

REPORT = 1984
# NIP-56's types. Names for people are in the template.
REPORT_TYPES = ("spam", "illegal", "impersonation", "malware", "nudity", "profanity", "other")
# A browser does so much work in some seconds.
_MAX_POW_BITS = 20


@dataclass(frozen=True, slots=True)
class ReportOffer:
    """Where a report is posted for free, and with how much proof of work."""

    path: str
    pow_bits: int
    max_bytes: int


def find_report_offer(config: Config, tiers: Tiers) -> ReportOffer | None:
    """Return where a reader without an account can post a report, None where the relay takes none, or none for free."""
    if not config.accept.plain and REPORT not in config.accept.plain_kinds:
        return None
    free = [tier for tier in tiers.list_all() if not tier.price_sat and tier.pow_bits <= _MAX_POW_BITS]
    best = min(free, key=lambda tier: tier.pow_bits, default=None)
    return None if best is None else ReportOffer(best.path, best.pow_bits, config.limits.max_message_bytes)


def list_report_values(config: Config, tiers: Tiers, note_pubkey: str) -> dict[str, Any]:
    """Return what report.html shows. `note_pubkey` (hex) is the key that signed the note as an event."""
    contact = config.info.contact
    return {
        "note_pubkey": note_pubkey,
        "report": find_report_offer(config, tiers),
        "report_types": REPORT_TYPES,
        "contact": contact,
        "contact_is_link": is_contact_link(contact),
    }


def is_contact_link(contact: str) -> bool:
    """Return whether a contact is an address that a page may link to."""
    return contact.startswith(("mailto:", "https://", "http://"))
