"""Relays that sell, and what tests do with them: a stub of LND behind them, notes with the work that an invoice takes."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from relay.limits import INTERNAL_LIMITS, InternalLimits
from relay.log import Log
from relay.pricing.offer import Offer, read_offer
from relay.server import Relay, running
from tests.support.client import Client
from tests.support.lightning_stubs import LndStub
from tests.support.lightning_stubs.node import StubNode
from tests.support.relays import make_config, to_url

TIERS: list[dict[str, Any]] = [
    {"path": "/"},
    {"path": "/1k", "price_sat": 1_000},
    {"path": "/10k", "price_sat": 10_000},
]
# Tests that are not about it mine nothing, and are not slowed down.
INVOICES = {"pow_bits": 0, "pow_bits_when_full": 0, "pow_bits_at_full_rate": 0, "per_s": 1_000.0}


@dataclass(frozen=True)
class Shop:
    """A relay with priced tiers, and its node."""

    relay: Relay
    node: StubNode

    @property
    def url(self) -> str:
        return to_url(self.relay)

    @property
    def cheap(self) -> str:
        return f"{self.url}/1k"

    @property
    def expensive(self) -> str:
        return f"{self.url}/10k"


@asynccontextmanager
async def shop(
    arguments: dict[str, Any], directory: Path, *, internal: InternalLimits = INTERNAL_LIMITS, **sections: Any
) -> AsyncIterator[Shop]:
    """Run a relay with priced tiers over a stub of LND."""
    node = LndStub(directory)
    await node.start()
    try:
        async with reopened(arguments, node, internal=internal, **sections) as open_shop:
            yield open_shop
    finally:
        await node.stop()


@asynccontextmanager
async def reopened(
    arguments: dict[str, Any],
    node: StubNode,
    *,
    previous: StubNode | None = None,
    internal: InternalLimits = INTERNAL_LIMITS,
    **sections: Any,
) -> AsyncIterator[Shop]:
    """Run one more relay over a node that is there, and perhaps over the one of before."""
    given = {"tiers": TIERS, **sections}
    given["invoices"] = {**INVOICES, **given.get("invoices", {})}
    lightning = {**node.section.model_dump(), **given.pop("lightning", {})}
    if previous is not None:
        lightning["previous"] = previous.section.model_dump(exclude={"previous"})
    config = make_config(arguments, lightning=lightning, **given)
    async with running(config, Log(), internal) as relay:
        yield Shop(relay, node)


def to_settings(node: StubNode) -> dict[str, str]:
    """Return what makes a relay process sell over a node, as ServeProcess takes it."""
    section = {f"LIGHTNING__{name}": value for name, value in node.section.model_dump(exclude_none=True).items()}
    invoices = {f"INVOICES__{name}": value for name, value in INVOICES.items()}
    linkable = {"PRIVACY__ALLOW_LINKABLE_PAYMENTS": "true"}
    return {
        "TIERS": json.dumps(TIERS),
        **linkable,
        **{name.upper(): _reveal(value) for name, value in {**section, **invoices}.items()},
    }


def _reveal(value: Any) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


async def order(client: Client, event: Any) -> Offer:
    """Send an event on a priced path, and return what is asked for it."""
    accepted, text = await client.publish(event)
    offer = read_offer(text)
    assert not accepted, text
    assert offer is not None, text
    return offer


def token_of(offer: Offer) -> str:
    """Return the pay page's token, in hex."""
    return offer.pay_url.rpartition("/")[2]
