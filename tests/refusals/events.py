"""Refusals of events of any kind."""

import json
from functools import partial

from bech32 import bech32_encode, convertbits

from relay.protocol.event import Event, compute_id
from tests.refusals.case import OFF_CURVE, Case, Elsewhere, Message, Variant
from tests.support.client import to_json
from tests.support.events import KEYS

_SPECIAL = "tests/refusals/test_circumstances.py"
_MEMBERS = ("id", "pubkey", "created_at", "kind", "tags", "content", "sig")
_ONE_EVENT = {"limits": {"events_per_s": 1e-3, "burst_factor": 1_000}}


def _nsec(variant: Variant) -> str:
    values = convertbits(KEYS[20 + variant.number].secret, 8, 5)
    assert values is not None
    return str(bech32_encode("nsec", values))


def _misshapen(member: str, variant: Variant) -> Message:
    return ["EVENT", {**to_json(variant.plain()), member: {variant.word: 1}}]


def _lacking(member: str, variant: Variant) -> Message:
    return ["EVENT", {name: value for name, value in to_json(variant.plain()).items() if name != member}]


def _tagged(name: str, variant: Variant) -> Event:
    return variant.plain(tags=((name, variant.word),))


def _of_kind(kind: int, variant: Variant) -> Event:
    return variant.ring(kind=kind)


def _repost(kind: int, variant: Variant) -> Event:
    protected = variant.plain(tags=(("-",), ("t", variant.word)))
    return variant.plain(kind=kind, content=json.dumps(to_json(protected)))


def _off_curve(variant: Variant) -> Event:
    event = variant.plain()
    event_id = compute_id(OFF_CURVE, event.created_at, event.kind, event.tags, event.content)
    return variant.change(event, pubkey=OFF_CURVE, id=event_id)


def _deleted(variant: Variant) -> tuple[Message, ...]:
    gone = variant.plain(kind=10_002)
    return gone, variant.plain(kind=5, tags=(("e", gone.id),)), gone


EVENTS = [
    Case(
        "invalid: {verb} takes exactly one event: send one per message",
        "An EVENT or AUTH message has no event, or more than one.",
        "Send each event in a message of its own.",
        {
            "EVENT of two": lambda v: ["EVENT", to_json(v.plain()), to_json(v.plain())],
            "AUTH of none": lambda _: ["AUTH"],
        },
    ),
    Case(
        "invalid: not an event as NIP-01 describes it; send an object of its seven members",
        "The second element of an EVENT is not a JSON object, or cannot be read as one.",
        "Send the event itself, as an object.",
        {
            "an event that is a word": lambda v: ["EVENT", v.word],
            "an event that is a list": lambda v: ["EVENT", [v.word, v.pubkey]],
        },
    ),
    Case(
        "invalid: the event's {member} is missing or is not what NIP-01 asks for: correct it",
        "The named member of an event has the wrong type, length or range, or is not there.",
        "Correct that member and sign again.",
        {
            **{f"a bad {member}": partial(_misshapen, member) for member in _MEMBERS},
            **{f"no {member}": partial(_lacking, member) for member in _MEMBERS},
        },
    ),
    Case(
        "invalid: the content is longer than {limits.max_content_chars} characters; shorten it",
        "The content has too many characters (not bytes).",
        "Shorten it, or post parts.",
        {"much content": lambda v: v.plain(content=v.word * 2_000)},
    ),
    Case(
        "invalid: the event has more than {limits.max_tags} tags; remove some",
        "There are too many tags.",
        "Leave some out.",
        {"many tags": lambda v: v.plain(tags=(("t", v.word),) * (101 + v.number))},
    ),
    Case(
        "invalid: the id is not the SHA-256 of the event as NIP-01 serialises it: compute it again",
        "The id does not follow from the rest of the event.",
        "Compute the id again, then sign it. A client that gets this for its own events serialises them wrongly.",
        {"a wrong id": lambda v: v.change(v.plain(), id=v.word.encode().hex().ljust(64, "0")[:64])},
    ),
    Case(
        "invalid: created_at is more than {limits.max_ahead_s} seconds in the future; set your clock",
        "The event claims to be from the future.",
        "Set the clock and sign again.",
        {"the future": lambda v: v.plain(created_at=v.now + 10_000 * (v.number + 1))},
    ),
    Case(
        "invalid: created_at is more than {limits.max_age_s} seconds in the past; sign it again with a later created_at",
        "The operator takes no events this old (off by default).",
        "Sign again with a later time. It need not be the true one.",
        {"the past": lambda v: v.plain(created_at=v.now - 10_000_000 * (v.number + 1))},
    ),
    Case(
        "invalid: the event has expired; post it with a later expiration tag or none",
        "The time in the expiration tag (NIP-40) has passed.",
        "Sign again with a later expiration, or without.",
        {"expired": lambda v: v.plain(tags=(("expiration", str(v.now - 100 * (v.number + 1))),))},
    ),
    Case(
        "pow: {required_bits} bits of proof of work are needed for this note (NIP-13); mine a nonce",
        "The id has fewer leading zero bits than the operator asks for: for all events, for a ring that is expensive to verify, "
        "or for many tags.",
        "Mine that many bits: `ringrelay sign --pow`.",
        {"no work": lambda v: v.plain()},
        settings={"tiers": [{"path": "/", "pow_bits": 60}]},
    ),
    Case(
        "pow: the nonce tag must commit to at least {required_bits} bits (NIP-13); mine again for them",
        "The id has enough bits, but its nonce tag commits to fewer: it was luck.",
        "Mine for the required bits, and commit to them in the nonce tag.",
        Elsewhere(f"{_SPECIAL}::test_a_lucky_id_mined_for_less_is_refused"),
    ),
    Case(
        "blocked: rings have at most {tier.max_ring} members on this path; sign with a smaller one, or post on another path",
        "The operator's price of this path covers smaller rings only.",
        "Sign with fewer members, or look into the info document for a path that takes more.",
        {"a ring too large for the path": lambda v: v.ring(ring_size=6 + v.number)},
        settings={"tiers": [{"path": "/", "max_ring": 5}]},
    ),
    Case(
        "invalid: notes have at most {tier.max_kib} KiB on this path; shorten it, or post on another path",
        "The operator's price of this path covers shorter notes only.",
        "Shorten the note, or look into the info document for a path that takes more.",
        {"a note too large for the path": lambda v: v.ring(tags=(("t", v.word * 200),))},
        settings={"tiers": [{"path": "/", "max_kib": 1}]},
    ),
    Case(
        "blocked: ephemeral events are not stored, so they are not sold; send it on a path without a price",
        "The author would pay for an event that nobody can find a moment later.",
        'Connect to a path without a price, such as "/" where it is free.',
        Elsewhere("tests/integration/test_tiers.py::test_ephemeral_events_are_not_sold"),
    ),
    Case(
        "restricted: this path is gone; reconnect to one that the info document names",
        "The operator took the tier away while the connection was open.",
        "Read the info document, and connect to a path that it names.",
        Elsewhere("tests/integration/test_tiers.py::test_a_path_that_is_taken_away_says_so"),
    ),
    Case(
        'blocked: protected events are not accepted here; post it without its "-" tag',
        "The event has the tag of NIP-70.",
        "Leave the tag out, or use a relay that authenticates its users.",
        {"protected": lambda v: v.plain(tags=(("-",), ("t", v.word)))},
    ),
    Case(
        "blocked: the repost embeds a protected event (NIP-70); repost it with an empty content",
        "The content of a repost (kind 6 or 16) is the JSON of an event that has the tag of NIP-70, or is nested too deep to tell.",
        "Leave the content empty: the `e` tag names the event.",
        {f"a repost of kind {kind}": partial(_repost, kind) for kind in (6, 16)},
    ),
    Case(
        "blocked: a login (kind 22242) is never stored or passed on; send it as AUTH to a relay that asks for it",
        "The event is a login (NIP-42). Whoever got it could use it.",
        "Send it in an AUTH message, to the relay that sent the challenge. This one asks nobody to log in.",
        {"a login": lambda v: v.plain(kind=22_242), "a login signed by a ring": lambda v: v.ring(kind=22_242)},
    ),
    Case(
        "blocked: an event of this kind is for its recipient alone, and anybody could read it here; send it to a relay that "
        "asks readers to authenticate (NIP-42)",
        "The event is a direct message, a seal, a gift wrap or a message to a remote signer (kinds 4, 13, 14, 15, 1059, 21059 "
        "and 24133). Its content may be encrypted; who writes to whom is not.",
        "Send it to one of the recipient's own relays (kind 10050).",
        {f"kind {kind}": partial(_of_kind, kind) for kind in (4, 13, 14, 15, 1_059, 21_059, 24_133)},
    ),
    Case(
        "blocked: a request to vanish (kind 62) would delete nothing here; send deletion requests (kind 5) for your events, "
        "or ask the operator",
        "The relay does not act on NIP-62, and does not pretend to.",
        "Send deletion requests (NIP-09), which are acted on at once. The info document may say how to reach the operator.",
        {"a request to vanish": lambda v: v.plain(kind=62, tags=(("relay", "ALL_RELAYS"), ("x", v.word)))},
    ),
    Case(
        "blocked: the note holds a secret key (nsec) and was not stored; remove it, and stop using that key",
        "There is a valid secret key in the content or in a tag.",
        "Remove it. The relay and the network have seen it: move to another key.",
        {
            "a secret key": lambda v: v.plain(content=f"{v.word} {_nsec(v)}"),
            "a secret key in a tag": lambda v: v.plain(tags=(("t", v.word), ("x", _nsec(v)))),
        },
    ),
    Case(
        "blocked: the note holds many texts that look like secret keys; remove them",
        "There are eight or more words that look like an nsec, and none of the first eight is valid.",
        "Remove them, or split them.",
        {"many that look like secret keys": lambda v: v.plain(content=f"nsec1{'q' * (58 + v.number)} " * 9)},
    ),
    Case(
        "blocked: this relay only accepts ring-signed notes; sign it with a ring",
        "An event has no ring signature, and its kind is not one that the operator accepts without one.",
        "Sign with a ring: `ringrelay sign`. The info document lists the plain kinds.",
        {"no ring": lambda v: v.plain(kind=1)},
    ),
    Case(
        "blocked: what looks like a ring signature in the note is not whole, and only ring-signed notes are accepted here; write "
        "it as ringA... in one line without spaces, or as JSON.stringify prints c0 and s",
        "A text has the beginning of a ring signature: it is cut, broken across lines, or not written as JSON.",
        "Write it whole. The signature itself may be good.",
        {"a broken ring signature": lambda v: v.plain(kind=1, content=f"{v.word}\nringA{'x' * 60}\n{'y' * 60}")},
    ),
    Case(
        "invalid: the tags R, J and scope belong to ring-signed notes; post it without them",
        "A plain event has tags by which readers find ring notes.",
        "Leave these tags out.",
        {f"a plain event with {name}": partial(_tagged, name) for name in ("R", "scope")},
    ),
    Case(
        "invalid: pubkey is not a point on the curve: use a real public key",
        "The event's pubkey is hexadecimal, but not a public key.",
        "Sign with a real key.",
        {"a pubkey off the curve": _off_curve},
    ),
    Case(
        "invalid: the event's signature is wrong: sign its id again",
        "The signature is not by the event's pubkey over its id.",
        "Sign the id again, with the key of the event's pubkey.",
        {"a wrong signature": lambda v: v.change(v.plain(), sig=f"{v.number + 1:02x}" * 64)},
    ),
    Case(
        "duplicate: already have this event",
        "The relay has the event. This comes with OK true: it is no refusal.",
        "Nothing.",
        {"sent twice": lambda v: (event := v.ring(), event)},
    ),
    Case(
        "duplicate: a newer version of this event is already stored; give yours a later created_at",
        "The event is of a replaceable or addressable kind, and the stored version is newer.",
        "To replace that version, sign with a later time.",
        {"superseded": lambda v: (v.plain(), v.plain(created_at=v.now - 10))},
    ),
    Case(
        "blocked: a ring note has this address, and only a note of the same ring replaces it; sign with that ring, or delete that "
        "note first",
        "The event is of a replaceable or addressable kind, and the version that is stored is signed by another ring. A link to it "
        "must not turn into one to something else.",
        "Sign with the same ring. Or send a deletion request (NIP-09) for the stored version, and then this one again.",
        {
            "a version of another ring": lambda v: (v.ring(kind=10_002), v.ring(kind=10_002, ring_size=6)),
            "a plain version of a ring note": lambda v: (v.ring(kind=10_002), v.plain(kind=10_002)),
        },
    ),
    Case(
        "blocked: its author has deleted this event; it is not accepted again: post a new one",
        "A stored deletion request (NIP-09) by the same key names the event.",
        "To say it again, sign a new event.",
        {"deleted": _deleted},
    ),
    Case(
        "rate-limited: send at most {limits.events_per_s} events a second; wait and try again",
        "One connection sends EVENTs faster than the operator allows, and its burst is used up.",
        "Wait, then send the refused ones again.",
        {"events": lambda v: (v.plain(), v.plain(kind=10_002))},
        settings=_ONE_EVENT,
    ),
    Case(
        "rate-limited: too much verification is under way for this connection; wait for its OKs",
        "One connection alone would fill its quarter of the verification queue.",
        "Wait for the answers to what was sent, then send the refused ones again.",
        Elsewhere(f"{_SPECIAL}::test_one_connection_that_fills_its_share_of_the_queue_is_refused"),
    ),
    Case(
        "error: the verification queue is full; try again in a few seconds",
        "All connections together sent more than the relay can verify within 1.5 seconds.",
        "Wait a few seconds and send the same event again.",
        Elsewhere(f"{_SPECIAL}::test_a_full_verification_queue_refuses"),
    ),
    Case(
        "error: the relay cannot verify signatures at the moment; try again in a few seconds",
        "The operating system starts no process that could verify, as where memory has run out.",
        "Wait a few seconds and send the same event again.",
        Elsewhere(
            "tests/unit/test_pool.py::test_where_no_worker_can_be_started_notes_are_refused_in_time_and_the_reason_is_reported"
        ),
    ),
    Case(
        "error: too many notes are waiting to be stored; try again later",
        "The database is slower than the events that come in.",
        "Send the same event again later.",
        Elsewhere(f"{_SPECIAL}::test_a_full_writing_queue_refuses"),
    ),
    Case(
        "error: too many notes wait to be published; try again after the next batch",
        "The relay publishes in batches (`privacy.publish_every_s`), and `privacy.max_held` notes wait already.",
        "Send the same event again after the time that the info document states as `published_every_s`.",
        Elsewhere(
            "tests/integration/test_held_notes.py::test_more_notes_than_may_be_held_are_refused_and_accepted_after_the_batch"
        ),
    ),
    Case(
        "error: the key under which notes wait is on another machine; post to the relay there, or tell the operator",
        "Relays on two machines share a database and publish in batches (`privacy.publish_every_s`); the key is on the other one.",
        "Post to the relay on the other machine, or tell the operator.",
        Elsewhere(
            "tests/integration/test_publication.py::test_what_waits_under_a_key_that_is_lost_is_counted_and_dropped",
            "the key under which notes wait is on another machine",
        ),
    ),
    Case(
        "rate-limited: your connection or your network has as many notes waiting for the next batch as it may; try again after it",
        "`privacy.max_held_per_connection` notes of this connection wait, or `privacy.max_held_per_network` of its network.",
        "Send the same event again after the time that the info document states as `published_every_s`.",
        Elsewhere(
            "tests/integration/test_held_notes.py::test_a_connection_may_have_so_many_notes_held_whatever_others_have"
        ),
    ),
    Case(
        "invalid: created_at says too closely when a ring note was signed: "
        "sign it again with a multiple of {privacy.created_at_step_s} seconds in the past",
        "The relay takes only times that say little (`privacy.created_at_step_s`), so that a note's time does not tell its batch.",
        "Sign the note again, with a created_at that is a multiple of `created_at_step_s` and not in the future.",
        Elsewhere(
            "tests/integration/test_held_notes.py::"
            "test_a_ring_note_whose_time_is_too_fine_is_refused_where_the_relay_has_steps",
            "invalid: created_at says too closely when a ring note was signed",
        ),
    ),
    Case(
        "error: the note could not be stored; try again",
        "The database failed while the event was stored. It may be stored all the same: then the next answer is `duplicate:`.",
        "Send the same event again.",
        Elsewhere(f"{_SPECIAL}::test_a_note_that_the_database_does_not_take_is_refused"),
    ),
    Case(
        "restricted: this relay asks nobody to authenticate; reading and posting need no AUTH",
        "A client sent AUTH (NIP-42).",
        "Go on without it: it would only tell the relay who you are.",
        {"AUTH": lambda v: ["AUTH", to_json(v.plain())]},
    ),
]
