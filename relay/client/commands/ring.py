"""`ringrelay ring`: makes a ring file of keys from many sources. Knows which sources there are, not how each is read."""

import argparse
import asyncio
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from relay.client.network import key_age, lists, nip05, route
from relay.client.network.connect import check_url, open_websocket
from relay.client.network.subscription import MAX_MESSAGE_BYTES
from relay.client.network.tor import TorChoice, read_choice
from relay.client.signing import keys, ring_file
from relay.client.signing.lint import lint_ring
from relay.client.signing.ring_file import Entry
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.notices import print_notice, print_warning, to_printable
from relay.verify.claim import MAX_RING

# A longer list helps no one.
_MAX_SHOWN_FAULTS = 20

_DESCRIPTION = """\
Print a ring file with the keys of all sources: one npub a line, sorted by key, each once. Keys that do not exist are left
out and named on stderr, where warnings about the ring are, too.

  ringrelay ring --from-nip05 example.org --from-follows wss://relay.example.com npub1... > ring.txt
  ringrelay ring ring.txt npub1... --check-on wss://relay.example.com > checked.txt

Relays that an nprofile names are passed over: whoever made it chose them. Names in a ring file are not looked up.

A ring of the people you follow, or of a list you made, points at you: take the list of someone else who knows them.

A source learns that someone asks for its keys, and without Tor from which address. --check-on shows the whole ring to a
relay, which can then link you to a note of this ring that appears soon after. So use Tor and a relay other than the one
you will publish on, and check on an earlier day. The answer is written behind each key ("first seen 2023-Q2", "never
seen"). `ringrelay sign` reads it there, and warns of unused keys and of a signer's key that stands out.

exit status: 0 done, 1 some keys were left out, 2 wrong usage, or a source that cannot be read
"""


@dataclass
class _RingBuilder:
    """The members gathered so far, and what was left out. Of two names or ages of a key the first counts."""

    entries: dict[bytes, Entry] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def add_entry(self, entry: Entry) -> None:
        """Add a member. Raises BadInput where the ring grows too large."""
        known = self.entries.get(entry.key, entry)
        self.entries[entry.key] = replace(known, name=known.name or entry.name, seen=known.seen or entry.seen)
        if len(self.entries) > MAX_RING:
            raise BadInput(f"the ring has more than {MAX_RING} members: take fewer sources")

    def add_key(self, text: object, name: str, where: str) -> None:
        """Add a key as a stranger wrote it, or note why it is left out."""
        try:
            key = keys.parse_public_key(text if isinstance(text, str) else "")
        except BadInput as error:
            self.faults.append(f"{where}: {error}")
        else:
            self.add_entry(Entry(key, name))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `ringrelay ring`."""
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add(
        "sources",
        nargs="*",
        metavar="KEY|NAME@DOMAIN|FILE|-",
        help="a key (npub, nprofile or hex, also after nostr: or @); a name, as with --from-nip05; a ring file; - for one on stdin",
    )
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
        help="the keys that NPUB follows, from the relay at URL (NIP-02); repeatable",
    )
    add(
        "--from-list",
        action="append",
        default=[],
        nargs=3,
        metavar=("URL", "NPUB", "KIND[:D]"),
        help="a public list of NPUB's (NIP-51), such as 30000:board for a follow set; repeatable",
    )
    add("--check-on", metavar="URL", help="ask this relay how old each key is; it learns the ring")
    route.add_arguments(parser)


def run_ring(arguments: argparse.Namespace) -> int:
    """Gather the members, check them, warn of what is weak, and print a ring file. Raises BadInput."""
    choice, timeout_s = read_choice(arguments), route.read_timeout(arguments)
    addresses = _read_list_addresses(arguments, choice)
    ring = _RingBuilder()
    identifiers = [nip05.parse_identifier(text) for text in arguments.from_nip05]
    for source in arguments.sources:
        if _is_address(source):
            identifiers.append(_parse_address(source))
        else:
            _add_source(ring, source)
    for identifier in identifiers:
        _add_names(ring, identifier, timeout_s, choice)
    for url, address in addresses:
        _add_list(ring, url, address, timeout_s, choice)
    _print_faults(ring.faults)
    if not ring.entries:
        raise BadInput("no keys: name npubs, files or sources, as `ringrelay ring --help` shows")
    if arguments.check_on is not None:
        _add_key_ages(ring, arguments.check_on, timeout_s, choice)
    members = [ring.entries[key] for key in sorted(ring.entries)]
    for weakness in lint_ring(members):
        print_warning(weakness)
    print("\n".join(map(ring_file.format_entry, members)))
    return 1 if ring.faults else 0


def _read_list_addresses(arguments: argparse.Namespace, choice: TorChoice) -> list[tuple[str, lists.ListAddress]]:
    """Return all lists to ask relays for. Wrong options are found before any source is asked. Raises BadInput."""
    asked = [(url, npub, str(lists.FOLLOWS)) for url, npub in arguments.from_follows] + arguments.from_list
    addresses = [(url, lists.parse_list_address(npub, kind)) for url, npub, kind in asked]
    for url in [*(url for url, _ in addresses), *([arguments.check_on] if arguments.check_on is not None else [])]:
        check_url(url, choice)
    return addresses


def _is_address(source: str) -> bool:
    """Return whether a source is NAME@DOMAIN. A file of that name comes first."""
    return "@" in source and not keys.could_be_key(source) and not Path(source).exists()


def _parse_address(source: str) -> nip05.Identifier:
    try:
        return nip05.parse_identifier(source.removeprefix("@"))
    except BadInput as error:
        raise BadInput(f"{source}: no such file, and not read as a name at a domain: {error}") from None


def _add_source(ring: _RingBuilder, source: str) -> None:
    if source == "-":
        _add_lines(ring, ring_file.read_ring_stdin(), "stdin")
    elif keys.could_be_key(source):
        ring.add_key(source, "", "a key on the command line")
    else:
        _add_lines(ring, keys.read_ring_text(Path(source)), source)


def _add_lines(ring: _RingBuilder, text: str, where: str) -> None:
    for number, entry in ring_file.parse_ring(text):
        if isinstance(entry, BadInput):
            ring.faults.append(f"{where}, line {number}: {entry}")
        else:
            ring.add_entry(entry)


def _add_names(ring: _RingBuilder, identifier: nip05.Identifier, timeout_s: float, choice: TorChoice) -> None:
    if identifier.name:
        print_warning(
            f"{identifier.domain} learns which name you ask for; give the domain alone to fetch its whole list, and "
            "leave out what you do not want"
        )
    names = nip05.fetch_names(identifier, timeout_s, choice)
    if not names:
        raise BadInput(f"{identifier.domain} knows no such name: check it, or leave it out to take all names")
    for name, key in names.items():
        # Any other text might look like what this program itself writes behind a key.
        comment = f"{name}@{identifier.domain}" if nip05.is_name(name) else ""
        ring.add_key(key, comment, f"{to_printable(name)}@{identifier.domain}")
    print_notice(f"{len(names)} {'name' if len(names) == 1 else 'names'} from {identifier.domain}")


def _add_list(ring: _RingBuilder, url: str, address: lists.ListAddress, timeout_s: float, choice: TorChoice) -> None:
    async def fetch_keys() -> list[str]:
        connection = await open_websocket(url, timeout_s, choice, MAX_MESSAGE_BYTES)
        try:
            return lists.list_keys(await lists.fetch_list(connection, address, timeout_s))
        finally:
            await connection.close()

    found = asyncio.run(fetch_keys())
    for number, key in enumerate(found, start=1):
        ring.add_key(key, "", f"the list from the relay, entry {number}")
    print_notice(f"{len(found)} keys from a list of kind {address.kind}")


def _add_key_ages(ring: _RingBuilder, url: str, timeout_s: float, choice: TorChoice) -> None:
    async def fetch_ages() -> dict[bytes, str]:
        connection = await open_websocket(url, timeout_s, choice, MAX_MESSAGE_BYTES)
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
