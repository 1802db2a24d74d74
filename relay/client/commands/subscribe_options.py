"""The options of a subscription, read into filters (NIP-01). Knows no relay's limits, which are slow to load.

What a ring proves is asked for in a filter's `search` (NIP-50).
"""

import argparse
import re
from typing import Any
from urllib.parse import quote

import msgspec

from relay.client.signing import keys
from relay.client.terminal.bad_input import BadInput
from relay.protocol.hex import HEX32, HEX_POINT
from relay.protocol.ring_terms import Form, Scheme

_HEX_32 = re.compile(HEX32)
_IMAGE = re.compile(HEX_POINT)


class _Once(argparse.Action):
    """An option that may be given once. Of two values argparse would silently drop the first."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        if getattr(namespace, self.dest) is not None:
            parser.error(
                f"argument {option}: given twice: give it once, and subscribe a second time for the other value"
            )
        setattr(namespace, self.dest, values)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that make a filter."""
    _add_filter_arguments(parser)
    _add_ring_arguments(parser)


def _add_filter_arguments(parser: argparse.ArgumentParser) -> None:
    plain = parser.add_argument_group(
        "which notes", "a note must match all of them; two values of --kind, --author, --id or --tag are alternatives"
    ).add_argument
    plain("--kind", type=int, action="append", metavar="N", help="the event's kind")
    plain(
        "--author",
        action="append",
        metavar="KEY",
        help="the event's own key, an npub or hex; a ring note has a throwaway key",
    )
    plain("--id", action="append", metavar="HEX", help="the event's id")
    plain("--tag", action="append", metavar="LETTER=VALUE", help="a tag of one letter, such as e=<event id>")
    plain("--since", type=int, action=_Once, metavar="UNIX", help="not before this time, in seconds")
    plain("--until", type=int, action=_Once, metavar="UNIX", help="not after this time, in seconds")
    plain("--limit", type=int, action=_Once, metavar="N", help="at most N stored notes, the newest")
    plain(
        "--filter",
        action="append",
        metavar="JSON",
        help="a filter as in NIP-01, in addition to the options; repeatable",
    )


def _add_ring_arguments(parser: argparse.ArgumentParser) -> None:
    ring = parser.add_argument_group(
        "what the ring proves", "sent as a search (NIP-50), which ringrelay answers, and checked here, too"
    ).add_argument
    ring("--ring", action="append", metavar="KEY", help="this key is a member, an npub or hex; of two, both are")
    ring("--ring-id", action=_Once, metavar="HEX", help="signed by this ring")
    ring("--key-image", action=_Once, metavar="HEX", help="linkable notes of one signer")
    ring("--scope", action=_Once, metavar="TEXT", help="linkable within this scope")
    ring(
        "--scheme", action=_Once, choices=[scheme.value for scheme in Scheme], help="sag: not linkable; blsag: linkable"
    )
    ring("--min-ring", type=int, action=_Once, metavar="N", help="the ring has N members or more")
    ring("--form", action=_Once, choices=[form.value for form in Form], help="how the note holds the signature")
    ring(
        "--binding",
        action=_Once,
        choices=["event", "message"],
        help="event: the ring signs the whole note; message: its words only",
    )


def read_filters(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the filters of the options and of --filter, or one that matches all. Raises BadInput."""
    from_options = _read_options(arguments)
    raw = [_parse_json(text) for text in arguments.filter or []]
    if from_options or not raw:
        raw.insert(0, from_options)
    if keys.holds_secret_key(msgspec.json.encode(raw).decode()):
        raise BadInput("the filter would show a secret key (nsec) to the relay: take it out")
    return raw


def _parse_json(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise BadInput("""--filter takes one JSON object, for example '{"kinds":[1],"limit":10}'""") from None


def _read_options(arguments: argparse.Namespace) -> dict[str, Any]:
    filter_: dict[str, Any] = {}
    if arguments.kind is not None:
        filter_["kinds"] = arguments.kind
    if arguments.author is not None:
        filter_["authors"] = [keys.parse_public_key(text).hex() for text in arguments.author]
    if arguments.id is not None:
        filter_["ids"] = [_check_hex("--id", text, _HEX_32) for text in arguments.id]
    for text in arguments.tag or []:
        name, separator, value = text.partition("=")
        if not separator or not (len(name) == 1 and name.isascii() and name.isalpha()):
            raise BadInput("--tag takes LETTER=VALUE with one letter, for example e=<event id>: relays index no others")
        filter_.setdefault(f"#{name}", []).append(value)
    for name in ("since", "until", "limit"):
        if getattr(arguments, name) is not None:
            filter_[name] = getattr(arguments, name)
            if filter_[name] < 0:
                raise BadInput(f"--{name} takes a number, 0 or more")
    search = _write_search(arguments)
    if search:
        filter_["search"] = search
    return filter_


def _write_search(arguments: argparse.Namespace) -> str:
    terms = [f"ring:{keys.parse_public_key(text).hex()}" for text in arguments.ring or []]
    if arguments.ring_id is not None:
        terms.append(f"ringid:{_check_hex('--ring-id', arguments.ring_id, _HEX_32)}")
    if arguments.key_image is not None:
        terms.append(f"keyimage:{_check_hex('--key-image', arguments.key_image, _IMAGE)}")
    if arguments.scope is not None:
        # White space ends a term, so that of a scope is written as in a URL.
        terms.append(f"scope:{quote(arguments.scope)}")
    if arguments.min_ring is not None:
        if arguments.min_ring < 1:
            raise BadInput("--min-ring takes a number of members, 1 or more")
        terms.append(f"minring:{arguments.min_ring}")
    terms += [
        f"{name}:{getattr(arguments, name)}" for name in ("scheme", "form", "binding") if getattr(arguments, name)
    ]
    return " ".join(terms)


def _check_hex(option: str, text: str, pattern: re.Pattern[str]) -> str:
    if not pattern.fullmatch(text.lower()):
        digits = "66 hex digits that begin with 02 or 03" if pattern is _IMAGE else "64 hex digits"
        raise BadInput(f"{option} takes {digits}: copy it again, whole")
    return text.lower()
