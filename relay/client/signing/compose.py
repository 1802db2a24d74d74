"""From options to a signed note: what an author may ask for, what is risky about it. Knows neither stdin nor relays."""

import argparse
import os
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from coincurve import PrivateKey

from relay.client.signing import keys
from relay.client.signing.advice import find_bits
from relay.client.signing.bound_form import make_bound_note
from relay.client.signing.draft import Draft
from relay.client.signing.envelope import MAX_POW_BITS, USUAL_POW_BITS, describe_work, estimate_work_s
from relay.client.signing.lint import lint
from relay.client.signing.message_forms import make_message_note
from relay.client.signing.padding import encode_padded
from relay.client.signing.ring_file import Entry, read_ring
from relay.client.signing.tags import parse_tag
from relay.client.signing.verify_event import check_note
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.notices import tell, warn
from relay.protocol.event import MAX_TIMESTAMP, Event, find_tag
from relay.protocol.refusal import Prefix, Rejected
from relay.protocol.ring_terms import MAX_FLAG_BYTES, Form, Scheme
from relay.verify.answers import REACTION, find_answer
from relay.verify.claim import Claim
from relay.verify.message_only import TEXT_NOTE
from relay.verify.ring_equations import RELEASE_FLAG

HOUR_S = 3600
MAX_BACKDATE_S = 48 * HOUR_S
# Whoever waits longer wants to know what for.
_LONG_S = 3.0


def add_note_arguments(parser: argparse._ActionsContainer, *, is_ring_required: bool) -> None:
    """Declare the options that say what is signed, by whom and how."""
    add = parser.add_argument
    add(
        "--ring",
        required=is_ring_required,
        type=Path,
        metavar="FILE",
        help="the members: one npub or hex key a line, # comments; `ringrelay ring` makes such files",
    )
    add("--key-file", type=Path, metavar="FILE", help="the file that holds your secret key, which is one of the ring's")
    add(
        "--form",
        choices=[form.value for form in Form],
        default=Form.BOUND.value,
        help="bound: the ring signs the whole note (default); the others are for other relays' readers: there the ring "
        "signs the words only, and whoever re-posts them can change kind, key, time and tags",
    )
    add(
        "--scheme",
        choices=[scheme.value for scheme in Scheme],
        default=Scheme.SAG.value,
        help="sag: two notes cannot be tied to one member (default); blsag: notes of one scope by one member can",
    )
    add("--scope", metavar="TEXT", help="blsag only: within what notes are linkable, 1 to 128 bytes")
    add(
        "--kind", type=int, default=TEXT_NOTE, metavar="N", help="the event's kind, 0 to 65535 (default 1, a text note)"
    )
    add(
        "--tag",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a tag, such as e=<event id>, or a JSON array where it has more values; repeatable",
    )
    add("--open", action="store_true", help="leave the tag R out, so that members of any ring may answer this note")
    add(
        "--pow",
        type=int,
        default=USUAL_POW_BITS,
        metavar="BITS",
        help=f"proof of work (NIP-13), by default {USUAL_POW_BITS}, which ringrelays ask for; 0: none",
    )
    when = parser.add_mutually_exclusive_group()
    when.add_argument("--created-at", type=int, metavar="UNIX", help="the note's time, in seconds, exactly as given")
    when.add_argument("--now", action="store_true", help="the true time, not one up to 48 hours back and rounded")
    add(
        "--message",
        metavar="TEXT",
        help="the note's content, which others on this machine can then see; stdin is safer",
    )


def list_given(arguments: argparse.Namespace) -> list[str]:
    """Return which of these options were given a value other than their default."""
    probe = argparse.ArgumentParser(add_help=False)
    add_note_arguments(probe, is_ring_required=False)
    defaults = vars(probe.parse_args([]))
    return [f"--{name.replace('_', '-')}" for name, value in defaults.items() if getattr(arguments, name) != value]


def read_draft(arguments: argparse.Namespace, read_message: Callable[[], str]) -> Draft:
    """Check the options and read the files they name; warn of what is risky. Raises BadInput.

    `read_message` is asked last, and only if --message is not there: nobody types a note to be told of a wrong option.
    """
    scheme, form = Scheme(arguments.scheme), Form(arguments.form)
    _check_numbers(arguments)
    _check_scope(scheme, arguments.scope)
    _check_form(form, arguments.kind)
    tags = tuple(parse_tag(text) for text in arguments.tag)
    ring = read_ring(arguments.ring)
    secret = keys.load_secret(arguments.key_file, os.environ)
    _check_ring(ring, secret)
    content = arguments.message if arguments.message is not None else read_message()
    _check_words(content, arguments.kind, tags, arguments.scope, secret)
    if "\r\n" in content:
        warn(
            "the message has line ends as Windows writes them, which tell of your machine: take them out (tr -d '\\r')"
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


def make_note(draft: Draft, author: PrivateKey) -> Event:
    """Sign the draft as one of its ring, and its outer event with the throwaway key `author`. Raises BadInput."""
    try:
        note = _make(draft, author)
    except ValueError as error:
        # Its texts are constants, without the key.
        raise BadInput(f"the note cannot be signed: {error}") from None
    _check_result(note, draft)
    _warn_of_refusal(note)
    return note


def pick_time(now: int) -> int:
    """Return a time up to 48 hours before `now`, both in Unix seconds, rounded down to the hour."""
    earlier = now - secrets.randbelow(MAX_BACKDATE_S + 1)
    return earlier - earlier % HOUR_S


def _make(draft: Draft, author: PrivateKey) -> Event:
    if draft.pow_bits and estimate_work_s(draft.content, draft.pow_bits) > _LONG_S:
        tell(f"mining {draft.pow_bits} bits of proof of work: {describe_work(draft.content, draft.pow_bits)}")
    if draft.form is Form.BOUND:
        return make_bound_note(draft, author)
    return make_message_note(draft, author)


def _choose_time(given: int | None, is_now: bool) -> int:
    if given is not None:
        return given
    if is_now:
        warn("--now puts the true time on the note: whoever knows when you were at the keyboard can use it")
        return int(time.time())
    return pick_time(int(time.time()))


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


def _check_form(form: Form, kind: int) -> None:
    if form is Form.BOUND:
        return
    if kind != TEXT_NOTE:
        raise BadInput(f"--form {form} is for text notes: leave --kind out, or sign a bound note")
    warn(
        f"with --form {form} the ring signs the words only: whoever re-posts them can change kind, key, time and tags. "
        "Where the reader knows bound notes, leave --form out"
    )


def _check_ring(ring: Sequence[Entry], secret: bytes) -> None:
    members = [entry.key for entry in ring]
    if secret in members:
        raise BadInput(
            "the ring file holds your SECRET key in hex: replace it by your public key before anyone sees it"
        )
    if len(ring) < 2:
        raise BadInput(f"a ring needs 2 members or more, and the file holds {len(ring)}: add the keys of other people")
    own = keys.to_public_key(secret)
    if own not in members:
        raise BadInput("your key is not in the ring: add your npub to the ring file, or use another key or ring")
    for weakness in lint(ring, own):
        warn(weakness)


def _check_words(message: str, kind: int, tags: Sequence[Sequence[str]], scope: str | None, secret: bytes) -> None:
    if kind == TEXT_NOTE and not message:
        raise BadInput("the message is empty: give --message TEXT, or write it to stdin")
    # One text of everything that would be published; keys cannot run across the line ends.
    words = "\n".join([message, scope or "", *(part for tag in tags for part in tag)])
    if keys.holds_secret_key(words) or secret.hex() in words.lower():
        raise BadInput("the note would publish a secret key: take the key out of it")
    try:
        words.encode()
    except UnicodeEncodeError:
        raise BadInput("the note is not UTF-8 text: write it in UTF-8, or give the message on stdin") from None


def _check_result(note: Event, draft: Draft) -> None:
    """Verify the note as a relay will: a signature spoilt by a fault of the machine can give the secret key away."""
    try:
        found = check_note(note)
        is_misread = draft.form is not Form.BOUND and found.signed_text != draft.content
        if found.form is not draft.form or is_misread:
            raise Rejected(Prefix.INVALID, "a reader would take other words for the signed ones")
    except Rejected as rejected:
        advice = (
            "sign again" if draft.form is Form.BOUND else "change the message, which a reader may mistake, or the form"
        )
        raise BadInput(f"the signed note does not verify and is not printed ({rejected}): {advice}") from None


def _warn_of_refusal(note: Event) -> None:
    """Judge the note by ringrelay's own defaults, which another relay or its operator may have changed: only warn."""
    # Imported here: no other of the author's commands needs a relay's policy, nor waits for pydantic.
    from relay.limits import AcceptPolicy, Limits, RingPolicy
    from relay.policy import rules
    from relay.verify import proof

    limits, ring = Limits(), RingPolicy()
    try:
        if len(encode_padded(note, is_padded=False).encode()) > limits.max_message_bytes:
            raise Rejected(Prefix.INVALID, f"it makes a message of more than {limits.max_message_bytes} bytes")
        rules.check_event(note, int(time.time()), limits)
        claim = proof.detect_claim(note, ring.max_size_message_forms)
        rules.check_policy(note, claim, ring, AcceptPolicy())
        rules.check_cost(note, claim, ring)
    except Rejected as rejected:
        bits = find_bits(str(rejected))
        remedy = "" if bits is None else f": add --pow {bits}; `ringrelay publish --ring` mines where it is asked to"
        warn(f"many relays, ringrelay by default, refuse such a note: {rejected.reason}{remedy}")
    else:
        _warn_of_uncounted(note, claim)


def _warn_of_uncounted(note: Event, claim: Claim | None) -> None:
    """Warn of a reaction that is stored and never counted; a poll response like that is refused."""
    if note.kind != REACTION or find_answer(note, claim) is not None:
        return
    target = find_tag(note, "e") or "ID"
    warn(
        f"no relay counts this reaction as a member's: for that, sign with one --tag e={target} and with "
        f"--scheme blsag --scope 7:{target}; without them it cannot be linked, which hides you better"
    )
