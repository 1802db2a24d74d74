"""`ringrelay ring`: makes a ring file of keys from anywhere. Knows where keys come from, not how each source is asked."""

import argparse
import asyncio
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from relay.client.network import key_age, lists, nip05, route
from relay.client.network.connect import check_url, open_websocket
from relay.client.network.route import Tor
from relay.client.network.subscription import MAX_MESSAGE_BYTES
from relay.client.signing import keys, ring_file
from relay.client.signing.lint import lint_ring
from relay.client.signing.ring_file import Entry
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.notices import print_notice, print_warning, to_printable
from relay.verify.claim import MAX_RING

# A list of faults that is longer tells nobody more.
_MAX_SHOWN_FAULTS = 20

_DESCRIPTION = """\
Print a ring file: one npub a line, sorted by key, each once, from all the sources given. Keys that do not exist are named
on stderr and left out, and what is weak about the ring is said there, too.

  ringrelay ring --tor --from-nip05 example.org --from-follows wss://relay.example.com npub1... > ring.txt
  ringrelay ring ring.txt npub1... --check-on wss://relay.example.com > checked.txt

A ring of those you follow, or of a list that you made, points at you: take the list of somebody else who knows these people.

Whoever is asked for keys learns that somebody asked, and without --tor from which address. --check-on shows the whole
ring to a relay, so that a note of this ring that comes soon after can be laid to you: use --tor, a relay other than the
one you will publish on, and an earlier day. What it learns is written behind each key ("first seen 2023-Q2", "never seen")
and read by `ringrelay sign`, which then warns of keys nobody uses and of a key that stands out, without asking anybody.

exit status: 0 done, 1 some keys were left out, 2 wrong usage, or a source that cannot be read
"""


@dataclass
class _RingBuilder:
    """Gather members and faults; the first that says a thing of a key is believed."""

    entries: dict[bytes, Entry] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def add_entry(self, entry: Entry) -> None:
        known = self.entries.get(entry.key, entry)
        self.entries[entry.key] = replace(known, name=known.name or entry.name, seen=known.seen or entry.seen)
        if len(self.entries) > MAX_RING:
            raise BadInput(f"the ring has more than {MAX_RING} members: take fewer sources")

    def add_key(self, text: object, name: str, where: str) -> None:
        """Add a key as a stranger wrote it."""
        try:
            key = keys.parse_public_key(text if isinstance(text, str) else "")
        except BadInput as fault:
            self.faults.append(f"{where}: {fault}")
        else:
            self.add_entry(Entry(key, name))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `ringrelay ring`."""
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("sources", nargs="*", metavar="KEY|FILE|-", help="an npub or hex key, a ring file, or - for one on stdin")
    add(
        "--from-nip05",
        action="append",
        default=[],
        metavar="DOMAIN",
        help="all names of a domain's nostr.json, or one: NAME@DOMAIN (NIP-05); repeatable",
    )
    add(
        "--from-follows",
        action="append",
        default=[],
        nargs=2,
        metavar=("URL", "NPUB"),
        help="whom NPUB follows, by the relay at URL (NIP-02); repeatable",
    )
    add(
        "--from-list",
        action="append",
        default=[],
        nargs=3,
        metavar=("URL", "NPUB", "KIND[:D]"),
        help="a public list of NPUB's (NIP-51), for example 30000:board for a follow set; repeatable",
    )
    add("--check-on", metavar="URL", help="ask this relay since when it has seen each key; it learns the ring")
    route.add_arguments(parser)


def run_ring(arguments: argparse.Namespace) -> int:
    """Gather, check, warn, print. Raises BadInput."""
    tor, timeout_s = route.read_tor(arguments), route.read_timeout(arguments)
    addresses = _read_list_addresses(arguments, tor)
    ring = _RingBuilder()
    for source in arguments.sources:
        _add_source(ring, source)
    for identifier in [nip05.parse_identifier(text) for text in arguments.from_nip05]:
        _add_names(ring, identifier, timeout_s, tor)
    for url, address in addresses:
        _add_list(ring, url, address, timeout_s, tor)
    _print_faults(ring.faults)
    if not ring.entries:
        raise BadInput("no keys: name npubs, files or sources, as `ringrelay ring --help` shows")
    if arguments.check_on is not None:
        _add_key_ages(ring, arguments.check_on, timeout_s, tor)
    members = [ring.entries[key] for key in sorted(ring.entries)]
    for weakness in lint_ring(members):
        print_warning(weakness)
    print("\n".join(map(ring_file.format_entry, members)))
    return 1 if ring.faults else 0


def _read_list_addresses(arguments: argparse.Namespace, tor: Tor | None) -> list[tuple[str, lists.ListAddress]]:
    """Return all lists to ask relays for; whatever is wrong with the options is said before anybody is asked."""
    asked = [(url, npub, str(lists.FOLLOWS)) for url, npub in arguments.from_follows] + arguments.from_list
    addresses = [(url, lists.parse_list_address(npub, kind)) for url, npub, kind in asked]
    for url in [*(url for url, _ in addresses), *([arguments.check_on] if arguments.check_on is not None else [])]:
        check_url(url, tor)
    return addresses


def _add_source(ring: _RingBuilder, source: str) -> None:
    if source == "-":
        _add_lines(ring, ring_file.read_ring_stdin(), "stdin")
    elif keys.could_be_key(source):
        ring.add_key(source, "", "a key on the command line")
    elif "@" in source and not Path(source).exists():
        raise BadInput(f"{source}: no such file; for the key that a domain gives a name: --from-nip05 {source}")
    else:
        _add_lines(ring, keys.read_ring_text(Path(source)), source)


def _add_lines(ring: _RingBuilder, text: str, where: str) -> None:
    for number, entry in ring_file.parse_ring(text):
        if isinstance(entry, BadInput):
            ring.faults.append(f"{where}, line {number}: {entry}")
        else:
            ring.add_entry(entry)


def _add_names(ring: _RingBuilder, identifier: nip05.Identifier, timeout_s: float, tor: Tor | None) -> None:
    names = nip05.fetch_names(identifier, timeout_s, tor)
    if not names:
        raise BadInput(f"{identifier.domain} knows no such name: check it, or leave it out to take all names")
    for name, key in names.items():
        # What is no name of NIP-05 might look like something this program writes behind a key.
        comment = f"{name}@{identifier.domain}" if nip05.is_name(name) else ""
        ring.add_key(key, comment, f"{to_printable(name)}@{identifier.domain}")
    print_notice(f"{len(names)} {'name' if len(names) == 1 else 'names'} from {identifier.domain}")


def _add_list(ring: _RingBuilder, url: str, address: lists.ListAddress, timeout_s: float, tor: Tor | None) -> None:
    async def fetch_keys() -> list[str]:
        connection = await open_websocket(url, timeout_s, tor, MAX_MESSAGE_BYTES)
        try:
            return lists.list_keys(await lists.fetch_list(connection, address, timeout_s))
        finally:
            await connection.close()

    found = asyncio.run(fetch_keys())
    for number, key in enumerate(found, start=1):
        ring.add_key(key, "", f"the list from the relay, entry {number}")
    print_notice(f"{len(found)} keys from a list of kind {address.kind}")


def _add_key_ages(ring: _RingBuilder, url: str, timeout_s: float, tor: Tor | None) -> None:
    async def fetch_ages() -> dict[bytes, str]:
        connection = await open_websocket(url, timeout_s, tor, MAX_MESSAGE_BYTES)
        try:
            return await key_age.find_key_ages(connection, list(ring.entries), int(time.time()), timeout_s)
        finally:
            await connection.close()

    print_warning(
        "--check-on shows this ring to the relay: do not publish a note of it there soon, nor from this address"
    )
    for key, seen in asyncio.run(fetch_ages()).items():
        ring.entries[key] = replace(ring.entries[key], seen=seen)


def _print_faults(faults: list[str]) -> None:
    for fault in faults[:_MAX_SHOWN_FAULTS]:
        print_notice(f"left out: {fault}")
    if len(faults) > _MAX_SHOWN_FAULTS:
        print_notice(f"left out: {len(faults) - _MAX_SHOWN_FAULTS} more")
