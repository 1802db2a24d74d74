"""What deletion requests name (NIP-09): ids and addresses, each with the author who asks, as arrays for one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relay.protocol.hex import is_hex32
from relay.storage.row import Row, hash_address

# As `id` and `index_rows` of what is stored and its author asks to delete, with the place of the request in its list. LIMIT
# makes each a look-up by a unique index: an author can have a million notes. Requests and contested words stay.
SELECT_NAMED = """
    SELECT r.place, found.id, found.index_rows
    FROM unnest($1::integer[], $2::bytea[], $3::bytea[]) AS r (place, pubkey, id), LATERAL (
        SELECT n.id, n.index_rows FROM notes n WHERE n.id = r.id AND n.pubkey = r.pubkey AND n.kind <> 5
            AND NOT n.is_contested LIMIT 1) found
    UNION ALL
    -- NIP-09: of an address, the versions up to the request's created_at.
    SELECT r.place, found.id, found.index_rows
    FROM unnest($4::integer[], $5::bytea[], $6::bytea[], $7::bigint[]) AS r (place, pubkey, address, created_at), LATERAL (
        SELECT n.id, n.index_rows FROM notes n
        WHERE n.address = r.address AND n.pubkey = r.pubkey AND n.kind <> 5
            AND NOT n.is_contested AND n.created_at <= r.created_at LIMIT 1) found
"""


@dataclass(frozen=True, slots=True)
class NamedNotes:
    """Entries of requests: (place of the request, pubkey, id), and (place, pubkey, hashed address, created_at)."""

    ids: list[tuple[int, bytes, bytes]]
    addresses: list[tuple[int, bytes, bytes, int]]

    @property
    def id_columns(self) -> list[list[Any]]:
        """Return pubkeys and ids."""
        return [[entry[column] for entry in self.ids] for column in (1, 2)]

    @property
    def address_columns(self) -> list[list[Any]]:
        """Return pubkeys, addresses and times."""
        return [[entry[column] for entry in self.addresses] for column in (1, 2, 3)]

    @property
    def columns(self) -> list[list[Any]]:
        """Return the arguments of SELECT_NAMED."""
        id_places, address_places = [entry[0] for entry in self.ids], [entry[0] for entry in self.addresses]
        return [id_places, *self.id_columns, address_places, *self.address_columns]


def find_named(requests: Sequence[Row]) -> NamedNotes:
    """Return what these deletion requests name."""
    ids: list[tuple[int, bytes, bytes]] = []
    addresses: list[tuple[int, bytes, bytes, int]] = []
    for place, row in enumerate(requests):
        for name, value in row.tags:
            if name == "e" and is_hex32(value):
                ids.append((place, row.pubkey, bytes.fromhex(value)))
            elif name == "a":
                addresses.append((place, row.pubkey, hash_address(value), row.event.created_at))
    return NamedNotes(ids, addresses)
