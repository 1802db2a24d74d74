"""`ringrelay sign`: makes one bound note of words, a ring and a secret key. Knows the author's risks, not the relay."""

import argparse
import os
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from relay.client import keys
from relay.client.frame import make_frame
from relay.client.keys import BadInput
from relay.client.ring_sign import RESERVED_TAGS, make_bound_note
from relay.client.verify import check_note
from relay.event import MAX_TIMESTAMP, Event, encode_event
from relay.verdict import Prefix, Rejected
from relay.verify.encoding import MAX_FLAG_BYTES, Scheme
from relay.verify.ring import RELEASE_FLAG

HOUR_S = 3600
MAX_BACKDATE_S = 48 * HOUR_S
# Every bit doubles the work: 32 take a Python process hours.
MAX_POW_BITS = 32
# With fewer, knowing who these people are is already half of knowing who wrote.
SMALL_RING = 10

STILL_GIVES_YOU_AWAY = """\
what a ring signature does not hide:
  words     your style, your language, your habits, and facts only a few people know
  ring      a ring of people who could not all have written this; a ring only you would put together
  time      when you are awake: the note's time is moved back and rounded, the moment you publish is yours to choose
  network   the relay, and whoever watches your line, sees your address: publish through Tor
  device    the secret key's file, the shell's history, a screen somebody else can see
  links     blsag ties all your notes of one scope together, and whoever has your secret key can prove they are yours
  payment   what you pay a relay with
"""

_DESCRIPTION = """\
Print a note, one line of JSON, that is signed by one member of a ring without saying which. The note itself is
signed by a key made for it alone and forgotten at once.

The secret key is read from --key-file (an nsec or 64 hex digits), or from the environment variable
RINGRELAY_SECRET_KEY. There is no option that takes the key itself: other users of a machine can read arguments.
The message is what stdin holds, less one final line end:

  ringrelay sign --ring ring.txt --key-file me.key < note.txt > note.json

It can be given with --message instead, but then other users of the machine can read it while the program runs (ps),
and your shell's history keeps it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `ringrelay sign`."""
    parser.description = _DESCRIPTION
    parser.epilog = STILL_GIVES_YOU_AWAY
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--ring", required=True, type=Path, metavar="FILE", help="the members: one npub or hex key a line, # comments")
    add("--key-file", type=Path, metavar="FILE", help="the file that holds your secret key, which is one of the ring's")
    add(
        "--scheme",
        choices=[scheme.value for scheme in Scheme],
        default=Scheme.SAG.value,
        help="sag: two notes cannot be tied to one member (default); blsag: notes of one scope by one member can",
    )
    add("--scope", metavar="TEXT", help="blsag only: within what notes are linkable, 1 to 128 bytes")
    add("--kind", type=int, default=1, metavar="N", help="the event's kind, 0 to 65535 (default 1, a text note)")
    add("--tag", action="append", default=[], metavar="NAME=VALUE", help="a tag, such as e=<event id>; repeatable")
    add("--pow", type=int, default=0, metavar="BITS", help="proof of work, if the relay asks for it (NIP-13)")
    when = parser.add_mutually_exclusive_group()
    when.add_argument("--created-at", type=int, metavar="UNIX", help="the note's time, in seconds, exactly as given")
    when.add_argument("--now", action="store_true", help="the true time, not one up to 48 hours back and rounded")
    add(
        "--message",
        metavar="TEXT",
        help="the note's content, which others on this machine can then see; stdin is safer",
    )
    # argparse's "version" action is the one that prints a text and exits before anything is required.
    add("--explain", action="version", version=STILL_GIVES_YOU_AWAY, help="what still gives an author away")


def run(arguments: argparse.Namespace) -> int:
    """Sign, check what was signed, print it. Raises BadInput."""
    scheme = Scheme(arguments.scheme)
    _check_numbers(arguments)
    _check_scope(scheme, arguments.scope)
    tags = tuple(_parse_tag(text) for text in arguments.tag)
    ring = keys.read_ring_file(arguments.ring)
    secret = keys.load_secret(arguments.key_file, os.environ)
    _check_ring(ring, secret)
    message = arguments.message if arguments.message is not None else _read_message()
    _check_words(message, arguments.kind, tags, arguments.scope, secret)
    created_at = _choose_time(arguments.created_at, arguments.now)
    try:
        note = make_bound_note(
            ring=ring,
            secret=secret,
            scheme=scheme,
            scope=arguments.scope,
            kind=arguments.kind,
            content=message,
            tags=tags,
            created_at=created_at,
            pow_bits=arguments.pow,
        )
    except ValueError as error:
        # Its texts are constants, without the key.
        raise BadInput(f"the note cannot be signed: {error}") from None
    _check_result(note)
    _warn_of_refusal(note)
    sys.stdout.buffer.write(encode_event(note) + b"\n")
    return 0


def pick_time(now: int) -> int:
    """Return a time up to 48 hours before `now`, both in Unix seconds, rounded down to the hour."""
    earlier = now - secrets.randbelow(MAX_BACKDATE_S + 1)
    return earlier - earlier % HOUR_S


def _choose_time(given: int | None, is_now: bool) -> int:
    if given is not None:
        return given
    if is_now:
        _warn("--now puts the true time on the note: whoever knows when you were at the keyboard can use it")
        return int(time.time())
    return pick_time(int(time.time()))


def _parse_tag(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not (name and separator):
        raise BadInput("--tag takes NAME=VALUE, for example --tag e=<event id>")
    if name in RESERVED_TAGS:
        raise BadInput(f"--tag {name}: this tag is written by the signing itself: leave it out")
    return name, value


def _check_numbers(arguments: argparse.Namespace) -> None:
    if not 0 <= arguments.kind <= 65535:
        raise BadInput("--kind must be from 0 to 65535")
    if not 0 <= arguments.pow <= MAX_POW_BITS:
        raise BadInput(f"--pow must be from 0 to {MAX_POW_BITS} bits: each one more takes twice as long")
    if arguments.created_at is not None and not 0 <= arguments.created_at <= MAX_TIMESTAMP:
        raise BadInput("--created-at takes Unix seconds, 0 or more")


def _check_scope(scheme: Scheme, scope: str | None) -> None:
    if scheme is Scheme.SAG and scope is not None:
        raise BadInput("--scope belongs to linkable notes: add --scheme blsag, or leave --scope out")
    if scheme is Scheme.BLSAG and scope is None:
        raise BadInput(
            "--scheme blsag needs --scope TEXT: without one all your linkable notes could be tied together across "
            "rings, and the rings' intersection would name you"
        )
    if scope is not None and not 1 <= len(scope.encode(errors="surrogatepass")) <= MAX_FLAG_BYTES:
        raise BadInput(f"--scope must be 1 to {MAX_FLAG_BYTES} bytes long")
    if scope == RELEASE_FLAG:
        raise BadInput(
            f"--scope {RELEASE_FLAG} is no scope: Nostringer 0.1.8 put it into every signature; choose another"
        )


def _check_ring(ring: Sequence[bytes], secret: bytes) -> None:
    if secret in ring:
        raise BadInput(
            "the ring file holds your SECRET key in hex: replace it by your public key before anyone sees it"
        )
    if len(ring) < 2:
        raise BadInput(f"a ring needs 2 members or more, and the file holds {len(ring)}: add the keys of other people")
    if keys.to_public_key(secret) not in ring:
        raise BadInput("your key is not in the ring: add your npub to the ring file, or use another key or ring")
    if len(ring) < SMALL_RING:
        others = "one other member" if len(ring) == 2 else f"{len(ring) - 1} other members"
        _warn(f"a ring of {len(ring)} hides you among {others} only: {SMALL_RING} or more are better")


def _read_message() -> str:
    if sys.stdin.isatty():
        print("Write the message; end it with Ctrl-D on a line of its own.", file=sys.stderr)
    try:
        return sys.stdin.buffer.read().decode().removesuffix("\n")
    except UnicodeDecodeError:
        raise BadInput("the message is not UTF-8 text: notes hold text only") from None


def _check_words(message: str, kind: int, tags: Sequence[Sequence[str]], scope: str | None, secret: bytes) -> None:
    if kind == 1 and not message:
        raise BadInput("the message is empty: give --message TEXT, or write it to stdin")
    # One text of everything that would be published; keys cannot run across the line ends.
    words = "\n".join([message, scope or "", *(part for tag in tags for part in tag)])
    if keys.holds_secret_key(words) or secret.hex() in words.lower():
        raise BadInput("the note would publish a secret key: take the key out of it")
    try:
        words.encode()
    except UnicodeEncodeError:
        raise BadInput("the note is not UTF-8 text: write it in UTF-8, or give the message on stdin") from None


def _check_result(note: Event) -> None:
    """Verify the note as a relay will: a signature spoilt by a fault of the machine can give the secret key away."""
    try:
        check_note(note)
    except Rejected as rejected:
        raise BadInput(f"the signed note does not verify and is not printed ({rejected}): sign again") from None


def _warn_of_refusal(note: Event) -> None:
    """Judge the note by ringrelay's own defaults, which another relay or its operator may have changed: only warn."""
    # Imported here: no other of the author's commands needs a relay's policy, nor waits for pydantic.
    from relay.limits import AcceptPolicy, Limits, RingPolicy
    from relay.verify import proof, rules

    limits, ring = Limits(), RingPolicy()
    try:
        if len(make_frame(note, is_padded=False).encode()) > limits.max_message_bytes:
            raise Rejected(Prefix.INVALID, f"it makes a message of more than {limits.max_message_bytes} bytes")
        rules.check(note, int(time.time()), limits)
        rules.check_policy(note, proof.find(note), ring, AcceptPolicy())
    except Rejected as rejected:
        _warn(f"many relays, ringrelay by default, refuse such a note: {rejected.reason}")


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)
