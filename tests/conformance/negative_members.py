"""Members that are written as no member may be, or signed as what they are not. Each stands in a note of form nip97."""

from collections.abc import Iterator, Sequence

from relay.protocol.event import Event
from relay.verify.ring_equations import Dialect
from tests.conformance.negative_texts import RING, SIGNER, TEXT, Named
from tests.conformance.notes import compact, hex_of, make_event, to_entry, to_nprofile
from tests.conformance.signing import blsag, key_of, sag


def list_members() -> Iterator[Named]:
    yield from _list_points()
    yield from _list_profiles()


def _list_points() -> Iterator[Named]:
    """Members of 66 digits where they are no members, or in a dialect that is not theirs."""
    keys = hex_of(*RING)
    mixed, odd = [keys[0], "02" + keys[1], keys[2]], ["03" + keys[0], *keys[1:]]
    for name, members in (("64 and 66 digits", mixed), ("66 digits", ["02" + key for key in keys])):
        # As Nostringer in TypeScript would sign over 64 digits.
        yield (
            f"nip97: members of {name}, TypeScript dialect",
            _nip97(compact(sag(TEXT, RING, SIGNER, Dialect.TYPESCRIPT)), members),
        )
    given = compact(sag(TEXT, RING, SIGNER, Dialect.TYPESCRIPT, written=mixed))
    yield "nip97: members of 64 and 66 digits, TypeScript dialect, hashed as given", _nip97(given, mixed)
    yield "nip97: an odd point where the even one signed", _nip97(compact(sag(TEXT, RING, SIGNER)), odd)
    yield "nip97, blsag: an odd point", _nip97(compact(blsag(TEXT, RING, SIGNER, "poll")), odd)
    others_odd = [*keys[:-1], "03" + keys[-1]]
    signed = compact(blsag(TEXT, RING, SIGNER, "poll", written=others_odd))
    yield "nip97, blsag: an odd point, signed as that", _nip97(signed, others_odd)
    twice = compact(sag(TEXT, (*RING, RING[0]), SIGNER, written=[*keys, "03" + keys[0]]))
    yield "nip97: both points of one key", _nip97(twice, [*keys, "03" + keys[0]])
    yield "nip97: a member that begins with 04", _nip97(compact(sag(TEXT, RING, SIGNER)), ["04" + keys[0], *keys[1:]])


def _list_profiles() -> Iterator[Named]:
    """An nprofile in the place of a member's key, in a note that is valid with the key."""
    first, keys = compact(sag(TEXT, RING, SIGNER)), hex_of(*RING)
    key, relay = to_entry(0, key_of(RING[0])), to_entry(1, b"wss://relay.example.org")
    good = to_nprofile(key + relay)
    for name, member in (
        ("without a key", to_nprofile(relay * 2)),
        ("of two keys", to_nprofile(key + key)),
        ("of a key of 31 bytes", to_nprofile(to_entry(0, key_of(RING[0])[:31]) + relay)),
        ("whose last entry is cut short", to_nprofile(key + relay[:-1])),
        ("with a byte behind its entries", to_nprofile(key + relay + b"\1")),
        ("of 250 characters and more", to_nprofile(key + relay * 5)),
        ("with a wrong checksum", _misspell(good)),
        ("in upper case", good.upper()),
    ):
        yield f"nip97: an nprofile {name}", _nip97(first, [member, *keys[1:]])


def _nip97(written: str, members: Sequence[str]) -> Event:
    return make_event(TEXT, [["ring-members", *members], ["ring-signature", written]])


def _misspell(text: str) -> str:
    return text[:-1] + ("q" if text[-1] != "q" else "p")
