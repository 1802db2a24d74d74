"""Notes that are sent at known times from known addresses, each over a connection of its own."""

import asyncio
import json
import random
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from relay.protocol.event import Event
from tests.support.client import Client
from tests.support.events import make_ring_note
from tests.support.forensics.addresses import Source, make_source, open_proxied
from tests.support.forensics.marks import Needles, spell
from tests.support.lightning_stubs import LndStub
from tests.support.paid import order

_CREATED_AT = 1_699_999_200
# Written with two letters a byte.
_MAX_WORDS = 1_100


@dataclass
class Sent:
    """A note that was sent: when it came (Unix seconds), from where, and all that stands for it wherever it is written."""

    event: Event
    at: float
    source: Source
    size: int
    marks: set[bytes] = field(default_factory=set)


def make_notes(count: int) -> list[Event]:
    """Return ring notes of different lengths."""
    # All within the first of the sizes to which what waits is padded, and some in the TOAST table once they are public.
    return [
        make_ring_note(
            f"{secrets.token_hex(16)} {secrets.token_hex(random.randrange(_MAX_WORDS))}", created_at=_CREATED_AT
        )
        for _ in range(count)
    ]


@dataclass
class Poster:
    """Somebody who posts on a relay; with a node, on a priced path, and pays at once."""

    url: str
    proxy_port: int
    node: LndStub | None = None
    sent: dict[str, Sent] = field(default_factory=dict)

    @property
    def arrived(self) -> dict[str, float]:
        return {name: sent.at for name, sent in self.sent.items()}

    async def post_all(self, notes: Sequence[Event], until: float, *, may_be_late: bool) -> None:
        """Post notes at random times up to `until` (Unix seconds); what would come later is left out, unless it may be late."""
        begun = time.time()
        for at, note in zip(sorted(random.uniform(begun, until) for _ in notes), notes, strict=True):
            await asyncio.sleep(max(0.0, at - time.time()))
            if time.time() > until and not may_be_late:
                return
            await self.post(note, make_source(len(self.sent)))

    async def post(self, note: Event, source: Source) -> None:
        """Post a note over a connection from an address."""
        options: dict[str, Any] = {"local_addr": (source.address, 0)}
        if source.is_proxied:
            options = {"sock": await open_proxied(self.proxy_port, source)}
        size = len(json.dumps({name: getattr(note, name) for name in note.__struct_fields__}))
        marks = {
            *spell(bytes.fromhex(note.id)),
            *spell(bytes.fromhex(note.pubkey)),
            *spell(bytes.fromhex(note.sig)[:32]),
        }
        # Not what names a payment: that nothing leads from there to a note is what is tried.
        marks |= {note.content[:32].encode()}
        async with Client(self.url if self.node is None else f"{self.url}/1k", **options) as client:
            at = time.time()
            if self.node is None:
                accepted, text = await client.publish(note)
                assert accepted, text
            else:
                offer = await order(client, note)
                await self.node.pay(offer.bolt11)
        self.sent[note.id] = Sent(note, at, source, size, marks)

    def make_needles(self) -> Needles:
        """Return all that stands for a note, to be looked for."""
        return Needles({name: sent.marks for name, sent in self.sent.items()})
