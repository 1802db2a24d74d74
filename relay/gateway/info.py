"""The info document (NIP-11): built from the same limits that are enforced. Knows no socket."""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from relay.config import Config
from relay.policy.rules import REFUSED_KINDS
from relay.policy.tiers import Tier
from relay.protocol.ring_terms import Form, Scheme
from relay.protocol.search import SEARCH_KEYS

# Not 50: a search takes the terms of ring notes, and no plain words.
SUPPORTED_NIPS = (1, 9, 11, 13, 40, 45, 67, 70)


@cache
def _find_version() -> str:
    # Each look reads a file.
    return version("ringrelay")


def build_info(config: Config, tier: Tier, tiers: Sequence[Tier], page_url: str) -> dict[str, Any]:
    """Return the info document of a tier's path as a JSON object. `page_url` is the page with that path's price for people."""
    info = {
        "name": config.info.name,
        "description": config.info.description,
        "supported_nips": list(SUPPORTED_NIPS),
        "version": _find_version(),
        "limitation": _list_limits(config, tier),
        "ring_notes": _describe_ring_notes(config, tier),
        "tiers": [_describe_tier(each) for each in tiers],
    }
    if config.lightning.backend != "none":
        info["invoices"] = config.invoices.model_dump()
    if tier.price_msat:
        # All accepted kinds cost the same, so none is listed.
        info["fees"] = {"publication": [{"amount": tier.price_msat, "unit": "msats"}]}
        info["payments_url"] = page_url
    for name in ("contact", "pubkey", "icon"):
        if value := getattr(config.info, name):
            info[name] = value
    return info


def _list_limits(config: Config, tier: Tier) -> dict[str, Any]:
    limits = config.limits
    limitation: dict[str, Any] = {
        "max_message_length": limits.max_message_bytes,
        "max_subscriptions": limits.max_subscriptions,
        "max_filters": limits.max_filters,
        "max_filter_values": limits.max_filter_values,
        "max_filter_letters": limits.max_filter_letters,
        "max_search_terms": limits.max_search_terms,
        "max_open_values": limits.max_open_values,
        "max_limit": limits.max_limit,
        "default_limit": limits.default_limit,
        "max_ties": limits.max_ties,
        "max_subid_length": limits.max_subscription_id_chars,
        "max_event_tags": limits.max_tags,
        "max_content_length": limits.max_content_chars,
        # On a path with a price, the work that an invoice needs. It is more only while many invoices are open.
        "min_pow_difficulty": config.invoices.pow_bits if tier.price_msat else tier.pow_bits,
        "auth_required": False,
        # NIP-11: whether anything needs a payment first. Reading is free on every path.
        "payment_required": False,
        # Only ring-signed notes and a few plain kinds are stored, or only paid notes.
        "restricted_writes": not config.accept.plain or tier.price_msat > 0,
        "created_at_upper_limit": limits.max_ahead_s,
        "max_events_per_second": limits.events_per_s,
        "max_reqs_per_second": limits.reqs_per_s,
        "max_bytes_per_second": limits.read_bytes_per_s,
        "max_ring_links_per_second": limits.ring_links_per_s,
        "max_rows_per_second": limits.rows_per_s,
        "pow_free_rows": limits.pow_free_rows,
        "pow_hashes_per_row": limits.pow_hashes_per_row,
        "burst_factor": limits.burst_factor,
        "max_queries_running": limits.max_queries_running,
        "max_events_in_flight": limits.max_events_in_flight,
        "max_pending_bytes": limits.max_pending_bytes,
        "max_connections": limits.max_connections,
        "max_connections_per_network": limits.max_connections_per_network,
        "max_page_reads_per_minute": limits.max_page_reads_per_minute,
        "query_timeout_s": limits.query_timeout_s,
        "max_count": limits.max_count,
        "request_timeout_s": limits.request_timeout_s,
        "idle_timeout_s": limits.idle_timeout_s,
    }
    if limits.max_age_s:
        limitation["created_at_lower_limit"] = limits.max_age_s
    return limitation


def _describe_tier(tier: Tier) -> dict[str, Any]:
    described = tier.model_dump(exclude_none=True, exclude={"price_sat", "shows_from_sat"})
    # Below its price where the path was cheaper once.
    return {**described, "price_msat": tier.price_msat, "shows_from_msat": tier.min_price_msat}


def _describe_ring_notes(config: Config, tier: Tier) -> dict[str, Any]:
    return {
        "forms": [str(form) for form in Form],
        "schemes": [str(scheme) for scheme in Scheme],
        "search": list(SEARCH_KEYS),
        "min_ring_size": config.ring.min_size,
        "min_ring_size_linkable": max(config.ring.min_size, config.ring.min_size_linkable),
        "max_ring_size": min(config.ring.max_size, tier.max_ring or config.ring.max_size),
        "max_ring_size_message_forms": config.ring.max_size_message_forms,
        "max_age_message_forms_s": config.ring.max_age_message_forms_s,
        "pow_free_links": config.ring.pow_free_links,
        "pow_hashes_per_link": config.ring.pow_hashes_per_link,
        "published_every_s": config.privacy.publish_every_s,
        "max_held": config.privacy.max_held,
        "max_held_per_connection": config.privacy.max_held_per_connection,
        "max_held_per_network": config.privacy.max_held_per_network,
        "pow_bits_when_full": config.privacy.pow_bits_when_full,
        "min_batch": config.privacy.min_batch,
        "max_wait_s": config.privacy.longest_wait_s,
        "created_at_step_s": config.privacy.created_at_step_s,
        "rewrite_at_hour": config.privacy.rewrite_at_hour,
        "plain_kinds": "all" if config.accept.plain else sorted(config.accept.plain_kinds),
        "refused_kinds": sorted(REFUSED_KINDS),
    }
