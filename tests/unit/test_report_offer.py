"""Where a note can be reported: on the free path with the least work, and only where reports are accepted."""

from typing import Any

import pytest

from relay.config import Config
from relay.pages.report_offer import REPORT_TYPES, ReportOffer, find_report_offer, is_contact_link
from relay.policy.tiers import Tiers

REPORTS = {"plain_kinds": [0, 1984]}
FREE: list[dict[str, Any]] = [{"path": "/", "pow_bits": 16}]
PRICED: list[dict[str, Any]] = [{"path": "/", "price_sat": 1}]


def offer(accept: dict[str, Any], tiers: list[dict[str, Any]]) -> ReportOffer | None:
    lightning = {"backend": "lnd", "url": "https://127.0.0.1:8080", "secret": "00"}
    privacy = {"allow_linkable_payments": True}
    sections: dict[str, Any] = {"accept": accept, "tiers": tiers, "privacy": privacy, "lightning": lightning}
    config = Config(**sections)
    return find_report_offer(config, Tiers(config.tiers))


@pytest.mark.parametrize(
    ("accept", "tiers", "expected"),
    [
        ({}, FREE, None),
        (REPORTS, FREE, ("/", 16)),
        ({"plain": True}, FREE, ("/", 16)),
        (REPORTS, PRICED, None),
        (REPORTS, [{"path": "/", "pow_bits": 20}, {"path": "/easy", "pow_bits": 8}], ("/easy", 8)),
        (REPORTS, [{"path": "/", "pow_bits": 21}], None),
        (REPORTS, [*FREE, {"path": "/1k", "price_sat": 1_000}], ("/", 16)),
    ],
)
def test_reports_are_offered_where_one_would_be_accepted_for_free(
    accept: dict[str, Any], tiers: list[dict[str, Any]], expected: tuple[str, int] | None
) -> None:
    found = offer(accept, tiers)
    assert (None if found is None else (found.path, found.pow_bits)) == expected


def test_the_types_are_those_of_nip_56() -> None:
    assert set(REPORT_TYPES) == {"nudity", "malware", "profanity", "illegal", "spam", "impersonation", "other"}


def test_a_contact_is_a_link_only_where_it_is_a_harmless_address() -> None:
    for contact in ("mailto:a@b.example", "https://b.example", "http://b.onion"):
        assert is_contact_link(contact)
    for contact in ("javascript:alert(1)", "data:text/html,x", "a@b.example", "", " https://b.example"):
        assert not is_contact_link(contact)
