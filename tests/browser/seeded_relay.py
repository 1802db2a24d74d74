"""A relay with free and priced tiers on which seeded notes were posted and paid for, and the list of its pages.

A new page of the relay is a line in `list_pages`; every test that looks at all pages then looks at it.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from relay.pages.evidence_file import build_evidence
from relay.protocol.event import Event, encode_event
from relay.protocol.nip19 import encode_npub
from relay.verify.ring_equations import to_ring_id
from tests.browser.seeded_notes import SeededNotes, make_seeded_notes
from tests.support.client import Client
from tests.support.events import KEYS, make_event, make_ring, make_ring_note
from tests.support.paid import TIERS, Shop, order, shop
from tests.support.relays import OPEN_HOUSE
from tests.support.sign_page import find_sign_file

# A priced path on which nothing was posted.
EMPTY = "/250k"
_TIERS = [*TIERS, {"path": EMPTY, "price_sat": 250_000}]
_AN_HOUR_S = 3_600
# Of the notes one that looks like each of the others.
_SHOWN = (
    *("two", "five", "arabic", "mixed", "long", "article", "linkable", "nip97", "nostringer", "text", "forty"),
    *("answered", "reply 0", "reaction 3", "poll", "response 0"),
)


@dataclass(frozen=True)
class Place:
    """A page: its address, the status that it answers with (0 for a file), and what is on it once its scripts are done."""

    url: str
    status: int = 200
    ready: str = "main"


@dataclass(frozen=True)
class SeededRelay:
    """A relay, what was posted on it, and its pay pages by state."""

    url: str
    notes: SeededNotes
    pay_pages: dict[str, str]
    # A note that its author deleted.
    gone: Event
    evidence_file: Path

    def list_pages(self) -> dict[str, Place]:
        """Return every page by name."""
        notes = {name: self.notes.all[name] for name in _SHOWN}
        return {
            "feed": Place(self.url + "/"),
            "feed of a tier": Place(self.url + "/1k"),
            "empty feed": Place(self.url + EMPTY),
            "feed, wrong field": Place(self.url + "/?member=nobody&minring=x", 400),
            **{f"note, {name}": Place(self._to_url(note)) for name, note in notes.items()},
            "note, unknown": Place(f"{self.url}/note/{'0' * 64}", 404),
            "note, gone": Place(self._to_url(self.gone), 410),
            "ring": Place(f"{self.url}/ring/{to_ring_id(make_ring(40))}"),
            "ring, unknown": Place(f"{self.url}/ring/{'0' * 64}", 404),
            "key": Place(f"{self.url}/key/{encode_npub(make_ring(2)[0])}"),
            "key, none": Place(f"{self.url}/key/nobody", 404),
            "about": Place(self.url + "/about"),
            "post": Place(self.url + "/post"),
            "prices": Place(self.url + "/prices"),
            "sign": Place(self.url + "/sign"),
            "takedown": Place(self.url + "/takedown"),
            "verify": Place(self.url + "/verify"),
            "not found": Place(self.url + "/nowhere", 404),
            "evidence file": Place(self.evidence_file.as_uri(), 0, "#outcome h2"),
            "file that signs": Place(find_sign_file().as_uri(), 0),
            **{
                f"pay, {state}": Place(url, 404 if state == "unknown" else 200) for state, url in self.pay_pages.items()
            },
        }

    def _to_url(self, note: Event) -> str:
        return f"{self.url}/note/{note.id}"


@asynccontextmanager
async def seeded_relay(arguments: dict[str, Any], directory: Path) -> AsyncIterator[SeededRelay]:
    """Run it on an empty database. It publishes by the hour, so that a paid note can be seen waiting."""
    sections: dict[str, Any] = {
        "tiers": _TIERS,
        "info": {
            "name": "ring.example",
            "description": "A relay for the people of one house.",
            "contact": "mailto:op@ring.example",
        },
        "privacy": {"publish_every_s": _AN_HOUR_S, "max_held_per_connection": 1_000},
        "invoices": {"expiry_s": _AN_HOUR_S},
        "limits": OPEN_HOUSE["limits"],
    }
    async with shop(arguments, directory, **sections) as sold:
        notes = make_seeded_notes()
        pay_pages = await _post_all(sold, notes)
        gone = await _post_and_delete(sold)
        pay_pages |= await _make_pay_pages(sold)
        connection = await asyncpg.connect(**arguments)
        # As if it had been made at another node.
        await connection.execute(
            "UPDATE invoices SET account = account || 'x' WHERE token = $1", bytes.fromhex(pay_pages["suspended"][-32:])
        )
        await connection.close()
        evidence = directory / "evidence.html"
        evidence.write_bytes(build_evidence(encode_event(notes.free["forty"]), "en"))
        yield SeededRelay(sold.url.replace("ws", "http", 1), notes, pay_pages, gone, evidence)


async def _post_all(sold: Shop, notes: SeededNotes) -> dict[str, str]:
    """Post all notes, and return the pay page of one that is published, and of one that its author withdrew after paying."""
    withdrawn = make_ring_note("A mistake.", author=KEYS[71])
    async with Client(sold.url) as author, Client(sold.cheap) as cheap, Client(sold.expensive) as expensive:
        await author.publish_all(*notes.free.values())
        await _buy(sold, cheap, notes.paid["cheap"])
        published = await _buy(sold, expensive, notes.paid["expensive"])
        unpublished = await _buy(sold, expensive, withdrawn)
        await author.publish_all(make_event(key=KEYS[71], kind=5, tags=(("e", withdrawn.id),)))
    await sold.relay.publisher.publish(int(time.time()))
    return {"published": published, "unpublished": unpublished}


async def _post_and_delete(sold: Shop) -> Event:
    note = make_ring_note("A mistake that was read.", author=KEYS[71])
    async with Client(sold.url) as author:
        await author.publish_all(note)
        await sold.relay.publisher.publish(int(time.time()))
        await author.publish_all(make_event(key=KEYS[71], kind=5, tags=(("e", note.id),)))
    return note


async def _make_pay_pages(sold: Shop) -> dict[str, str]:
    """Order notes, and return the pages of those that are not published yet."""
    async with Client(sold.expensive) as author:
        paid = await _buy(sold, author, make_ring_note("Waits for the others."))
        opened = await order(author, make_ring_note("Waits for its payment."))
        suspended = await order(author, make_ring_note("Waits for a payment to another node."))
    unknown = opened.pay_url.replace(opened.pay_url[-32:], "0" * 32)
    return {"open": opened.pay_url, "suspended": suspended.pay_url, "paid": paid, "unknown": unknown}


async def _buy(sold: Shop, author: Client, note: Any) -> str:
    """Order a note, pay for it, and return its pay page once the relay has the money."""
    offer = await order(author, note)
    await sold.node.pay(offer.bolt11)
    event_id, is_accepted, text = await author.next("OK")
    assert (event_id, is_accepted) == (note.id, True), text
    return offer.pay_url
