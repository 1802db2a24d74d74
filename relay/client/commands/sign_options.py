"""The options of a note to sign, read into a draft. Knows neither stdin nor relays."""

import argparse
import os
import secrets
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from relay.client.commands.tag_option import parse_tag
from relay.client.signing import keys
from relay.client.signing.draft import Draft
from relay.client.signing.envelope import MAX_POW_BITS, USUAL_POW_BITS
from relay.client.signing.lint import USUAL_MIN_LINKABLE
from relay.client.signing.own_mentions import check_mentions, list_places
from relay.client.signing.ring_file import Entry, read_ring
from relay.client.signing.risks import check_message, check_ring, check_words
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.notices import print_warning
from relay.protocol.event import MAX_TIMESTAMP
from relay.protocol.ring_terms import MAX_FLAG_BYTES, Form, Scheme
from relay.verify.message_only import TEXT_NOTE
from relay.verify.ring_equations import RELEASE_FLAG

HOUR_S = 3600
MAX_BACKDATE_S = 48 * HOUR_S


def add_note_arguments(parser: argparse._ActionsContainer, *, is_ring_required: bool) -> None:
    """Declare the options that say what is signed, by whom and how."""
    _add_ring_arguments(parser, is_ring_required)
    _add_event_arguments(parser)
    _add_mention_arguments(parser)


def _add_ring_arguments(parser: argparse._ActionsContainer, is_ring_required: bool) -> None:
    add = parser.add_argument
    add(
        "--ring",
        required=is_ring_required,
        type=Path,
        metavar="FILE",
        help="the members: one key a line (npub, nprofile or hex), # comments; `ringrelay ring` makes such a file",
    )
    add(
        "--key-file",
        type=Path,
        metavar="FILE",
        help="the file that holds your secret key; you are a member of the ring",
    )
    add(
        "--form",
        choices=[form.value for form in Form],
        default=Form.BOUND.value,
        help="bound: the ring signs the whole note (default); the other forms are for readers of other relays: there the "
        "ring signs the message only, anyone can post it again under another key and time, and then you can no longer delete it",
    )
    add(
        "--scheme",
        choices=[scheme.value for scheme in Scheme],
        default=Scheme.SAG.value,
        help="sag: two notes of a member cannot be linked (default); blsag: those of one scope can, and relays want a ring of "
        f"{USUAL_MIN_LINKABLE} or more for it by default",
    )
    add("--scope", metavar="TEXT", help="blsag only: your notes with this text are linkable, 1 to 128 bytes")


def _add_event_arguments(parser: argparse._ActionsContainer) -> None:
    add = parser.add_argument
    add(
        "--kind", type=int, default=TEXT_NOTE, metavar="N", help="the event's kind, 0 to 65535 (default 1, a text note)"
    )
    add(
        "--tag",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a tag, such as e=<event id>, or a JSON array for several values; repeatable",
    )
    add("--open", action="store_true", help="leave the tag R out: members of any ring may answer this note")
    add(
        "--pow",
        type=int,
        default=USUAL_POW_BITS,
        metavar="BITS",
        help=f"bits of proof of work (NIP-13), by default {USUAL_POW_BITS}, as a ringrelay asks for; 0: none",
    )
    when = parser.add_mutually_exclusive_group()
    when.add_argument("--created-at", type=int, metavar="UNIX", help="the note's time, in Unix seconds")
    when.add_argument(
        "--now", action="store_true", help="the current time, instead of one up to 48 hours back and rounded"
    )
    add(
        "--message",
        metavar="TEXT",
        help="the note's content; others on this machine can see it there, so stdin is safer",
    )


def _add_mention_arguments(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--me",
        action="append",
        default=[],
        metavar="NAME",
        help="a name of yours: a note with it is refused, as one with the name beside your key in the ring file is; repeatable",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="sign the note although your own key or name is in it; one with a secret key is refused all the same",
    )


def list_given(arguments: argparse.Namespace) -> list[str]:
    """Return the options whose value is not their default."""
    probe = argparse.ArgumentParser(add_help=False)
    add_note_arguments(probe, is_ring_required=False)
    defaults = vars(probe.parse_args([]))
    return [f"--{name.replace('_', '-')}" for name, value in defaults.items() if getattr(arguments, name) != value]


def read_draft(arguments: argparse.Namespace, read_message: Callable[[], str]) -> Draft:
    """Check the options, read the files they name, and warn of what is risky. Raises BadInput.

    Without --message, `read_message` is called last: a wrong option is found before somebody types a note.
    """
    scheme, form = Scheme(arguments.scheme), Form(arguments.form)
    _check_numbers(arguments)
    _check_names(arguments.me)
    _check_scope(scheme, arguments.scope)
    _check_form(form, arguments.kind)
    tags = tuple(parse_tag(text) for text in arguments.tag)
    ring = read_ring(arguments.ring)
    secret = keys.load_secret(arguments.key_file, os.environ)
    check_ring(ring, secret, scheme)
    _check_places(list_places("", tags, arguments.scope), ring, secret, arguments)
    content = read_message() if arguments.message is None else _take_argument(arguments.message)
    check_message(content, arguments.kind)
    _check_places({"the message": content}, ring, secret, arguments)
    if "\r\n" in content:
        print_warning(
            "the message has the line ends of Windows, which say something about your machine: remove them (tr -d '\\r')"
        )
    created_at = _choose_time(arguments.created_at, arguments.now)
    members = tuple(entry.key for entry in ring)
    return Draft(
        form=form,
        ring=members,
        secret=secret,
        scheme=scheme,
        scope=arguments.scope,
        kind=arguments.kind,
        content=content,
        tags=tags,
        created_at=created_at,
        pow_bits=arguments.pow,
        names_ring=not arguments.open,
    )


def pick_time(now: int) -> int:
    """Return a time up to 48 hours before `now`, both in Unix seconds, rounded down to the hour."""
    earlier = now - secrets.randbelow(MAX_BACKDATE_S + 1)
    return earlier - earlier % HOUR_S


def _check_places(
    places: Mapping[str, str], ring: Sequence[Entry], secret: bytes, arguments: argparse.Namespace
) -> None:
    """Refuse what the note must not say, by where it stands. Raises BadInput."""
    check_words(places.values(), secret)
    check_mentions(places, ring, keys.to_public_key(secret), arguments.me, is_forced=arguments.force)


def _take_argument(message: str) -> str:
    """Return --message, with a warning where a person types it, and not a script."""
    if sys.stdin.isatty() and sys.stderr is not None and sys.stderr.isatty():
        print_warning(
            "--message: your shell's history keeps these words now, and others on this machine can see them while the program "
            "runs. Delete them from the history; next time leave --message out, and type them when you are asked"
        )
    return message


def _choose_time(given: int | None, is_now: bool) -> int:
    if given is not None:
        return given
    if is_now:
        print_warning("--now puts the true time on the note: it helps anyone who knows when you were at the keyboard")
        return int(time.time())
    return pick_time(int(time.time()))


def _check_numbers(arguments: argparse.Namespace) -> None:
    if not 0 <= arguments.kind <= 65535:
        raise BadInput("--kind must be from 0 to 65535")
    if not 0 <= arguments.pow <= MAX_POW_BITS:
        raise BadInput(f"--pow must be from 0 to {MAX_POW_BITS} bits: each one more takes twice as long")
    if arguments.created_at is not None and not 0 <= arguments.created_at <= MAX_TIMESTAMP:
        raise BadInput("--created-at takes Unix seconds, 0 or more")


def _check_names(names: list[str]) -> None:
    if any(not name.strip() or keys.could_be_key(name) for name in names):
        raise BadInput("--me takes a name as people write it; your key is looked for without it")


def _check_scope(scheme: Scheme, scope: str | None) -> None:
    if scheme is Scheme.SAG and scope is not None:
        raise BadInput("--scope belongs to linkable notes: add --scheme blsag, or leave --scope out")
    if scheme is Scheme.BLSAG and scope is None:
        raise BadInput(
            "--scheme blsag needs --scope TEXT: without one all your linkable notes could be linked across "
            "rings, and the rings' intersection would name you"
        )
    if scope is not None and not 1 <= len(scope.encode(errors="surrogatepass")) <= MAX_FLAG_BYTES:
        raise BadInput(f"--scope must be 1 to {MAX_FLAG_BYTES} bytes long")
    if scope == RELEASE_FLAG:
        raise BadInput(
            f"--scope {RELEASE_FLAG} is no scope: Nostringer 0.1.8 put it into every signature; choose another"
        )


def _check_form(form: Form, kind: int) -> None:
    if form is Form.BOUND:
        return
    if kind != TEXT_NOTE:
        raise BadInput(f"--form {form} is for text notes: leave --kind out, or sign a bound note")
    print_warning(
        f"with --form {form} the ring signs the message only: anyone can post it again, under another key and time. Once "
        "somebody has, you lose the power to take your words back: a relay keeps one copy, and only its operator can delete it. "
        "If your readers know bound notes, leave --form out"
    )
