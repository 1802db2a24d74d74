"""Posting on a priced path: what is asked, what a payment does, and who sees the note. Over a stub of LND."""

from pathlib import Path
from typing import Any

from tests.support.client import Client, as_json
from tests.support.paid import make_paid_note, order, shop
from tests.support.raw import port_of


async def test_a_note_that_is_paid_for_appears_and_its_author_hears_of_it(
    database: dict[str, Any], tmp_path: Path
) -> None:
    note = make_paid_note()
    async with shop(database, tmp_path) as sold, Client(sold.dear) as author, Client(sold.dear) as reader:
        await reader.follow()
        offer = await order(author, note)
        assert offer.amount_sat == 10_000
        assert offer.pay_url.startswith(f"http://127.0.0.1:{port_of(sold.url)}/pay/")
        assert await reader.fetch({}) == []
        await sold.node.pay(offer.bolt11)
        assert await author.next("OK") == [note.id, True, ""]
        assert await reader.next("EVENT") == ["live", as_json(note)]
        assert await reader.fetch({}) == [as_json(note)]
        assert await author.publish(note) == (True, "duplicate: already have this event")
