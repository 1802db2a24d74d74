"""Tiers: which tables are refused and why, and what each path reads."""

from typing import Any

import pytest
from pydantic import ValidationError

from relay.config import Config
from relay.policy.tiers import DEFAULT_TIERS, Tier, Tiers

ROOT: dict[str, Any] = {"path": "/"}


def test_the_default_is_one_free_tier_with_proof_of_work() -> None:
    assert [tier.model_dump(exclude_none=True) for tier in Config().tiers] == [
        {"path": "/", "price_sat": 0, "pow_bits": 16}
    ]
    assert Config().tiers == DEFAULT_TIERS


@pytest.mark.parametrize(
    ("tiers", "said"),
    [
        ([], 'must have one whose path is "/"'),
        ([{"path": "/10k", "price_sat": 1}], 'must have one whose path is "/"'),
        ([ROOT, ROOT], "a path of their own"),
        ([{"path": "/", "price_sat": 5}, {"path": "/a", "price_sat": 4}], 'must not be cheaper than the one at "/"'),
        ([ROOT, {"path": "/a", "price_sat": 1, "pow_bits": 1}], "pow_bits is for free tiers"),
        ([ROOT, *({"path": f"/{number}"} for number in range(20))], "at most 20"),
        ([{"path": "/", "shows_from_sat": 0}], "shows_from_sat is for other paths"),
        ([ROOT, {"path": "/a", "price_sat": 1, "shows_from_sat": 2}], "must not be above price_sat"),
    ],
)
def test_tiers_that_do_not_fit_together_are_refused(tiers: list[dict[str, Any]], said: str) -> None:
    sections: dict[str, Any] = {"tiers": tiers}
    with pytest.raises(ValidationError, match=said):
        Config(**sections)


@pytest.mark.parametrize("path", ["", "a", "/a/b", "/a b", "//", "/.", "/..", "/pay", "/a?b", "/ä", "/%2e", "/a\n"])
def test_a_path_is_one_plain_name(path: str) -> None:
    with pytest.raises(ValidationError):
        Tier(path=path)


def test_a_path_reads_its_own_price_and_above_and_the_root_reads_all() -> None:
    assert Tier(path="/10k", price_sat=10_000).min_price_msat == 10_000_000
    assert Tier(path="/", price_sat=5).min_price_msat == 0
    assert Tier(path="/10k", price_sat=10_000, shows_from_sat=1_000).min_price_msat == 1_000_000


def test_tiers_are_listed_cheapest_first_and_can_be_replaced() -> None:
    root, expensive, cheap = Tier(path="/"), Tier(path="/b", price_sat=2), Tier(path="/c", price_sat=1)
    tiers = Tiers([expensive, root, cheap])
    assert tiers.list_all() == [root, cheap, expensive]
    tiers.replace_all([root])
    assert tiers.find_tier("/b") is None
    assert tiers.find_tier("/") == root
