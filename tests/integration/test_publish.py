"""EVENT and OK: what is kept, what is refused, and with which words (NIP-01, 09, 13, 40, 70)."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from bech32 import bech32_encode, convertbits
from coincurve import PrivateKey

from tests.support.client import Client, as_json
from tests.support.events import KEYS, make_event, make_ring_note, make_words_note, pubkey_of, sign_again
from tests.support.paid import shop
from tests.support.relays import relay_on
from tests.support.time_factor import scaled


async def test_a_ring_note_is_verified_stored_and_given_back_as_it_was(database: dict[str, Any]) -> None:
    note = make_ring_note()
    async with relay_on(database) as url, Client(url) as client:
        assert await client.publish(note) == (True, "")
        assert await client.fetch({"ids": [note.id]}) == [as_json(note)]


async def test_a_note_without_a_ring_is_refused_with_the_reason(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url, Client(url) as client:
        assert await client.publish(make_event()) == (
            False,
            "blocked: this relay only accepts ring-signed notes; sign it with a ring",
        )
        assert await client.fetch({}) == []


@pytest.mark.parametrize("kind", [0, 5, 10002])
async def test_the_plain_kinds_of_the_default_configuration_are_accepted(database18: dict[str, Any], kind: int) -> None:
    async with relay_on(database18) as url, Client(url) as client:
        assert await client.publish(make_event(kind=kind)) == (True, "")


async def test_a_note_sent_again_is_answered_true_and_duplicate(database18: dict[str, Any]) -> None:
    note = make_ring_note()
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(note)
        assert await client.publish(note) == (True, "duplicate: already have this event")
        assert len(await client.fetch({})) == 1


async def test_two_notes_with_one_ring_signature_are_one_too_many(database: dict[str, Any]) -> None:
    author = KEYS[30]
    note = make_ring_note(author=author)
    other = sign_again(note, author, (*note.tags, ("nonce", "1", "0")))
    async with relay_on(database) as url, Client(url) as client:
        await client.publish_all(note)
        accepted, text = await client.publish(other)
        assert (accepted, text.partition(":")[0]) == (False, "duplicate")
        assert [event["id"] for event in await client.fetch({})] == [note.id]


async def test_a_ring_signature_stays_used_when_its_note_is_deleted(database: dict[str, Any]) -> None:
    author = KEYS[30]
    note = make_ring_note(author=author)
    other = sign_again(note, author, (*note.tags, ("nonce", "1", "0")))
    request = make_event(key=author, kind=5, tags=(("e", note.id),))
    async with relay_on(database) as url, Client(url) as client:
        await client.publish_all(note, request)
        accepted, text = await client.publish(other)
        assert (accepted, text.partition(":")[0]) == (False, "duplicate")


async def test_one_ring_signature_makes_one_version_of_a_replaceable_note(database: dict[str, Any]) -> None:
    author = KEYS[30]
    note = make_ring_note(author=author, kind=10_002, created_at=1000)
    variants = [sign_again(note, author, (*note.tags, ("nonce", str(number), "0"))) for number in range(8)]
    async with relay_on(database) as url, Client(url) as client:
        answers = [await client.publish(variant) for variant in sorted(variants, key=lambda v: v.id, reverse=True)]
        assert [accepted for accepted, _ in answers] == [True] + [False] * 7
        # Nor when a newer version, itself deleted later, has taken its place.
        newer = make_ring_note(author=author, kind=10_002, created_at=2000)
        await client.publish_all(newer, make_event(key=author, kind=5, tags=(("e", newer.id),)))
        assert (await client.publish(variants[0]))[0] is False


async def test_an_ephemeral_event_sent_again_is_known(database: dict[str, Any]) -> None:
    event = make_event(kind=20001)
    async with relay_on(database, accept={"plain": True}) as url, Client(url) as client:
        await client.publish_all(event)
        assert await client.publish(event) == (True, "duplicate: already have this event")


@pytest.mark.parametrize("letter", ["R", "J", "scope"])
async def test_a_plain_note_that_claims_a_ring_is_refused(database18: dict[str, Any], letter: str) -> None:
    async with relay_on(database18) as url, Client(url) as client:
        accepted, text = await client.publish(make_event(kind=0, tags=((letter, "00" * 32),)))
        assert (accepted, text.partition(":")[0]) == (False, "invalid")


async def test_a_note_full_of_what_looks_like_secret_keys_is_refused(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url, Client(url) as client:
        accepted, text = await client.publish(make_ring_note(("nsec1" + "q" * 58) * 1000))
        assert (accepted, text.partition(":")[0]) == (False, "blocked")


async def test_a_note_whose_ring_signature_is_wrong_is_refused(database18: dict[str, Any]) -> None:
    author = KEYS[30]
    note = make_ring_note(author=author)
    other = make_ring_note("another", author=author)
    forged = sign_again(note, author, (*note.tags[:-1], other.tags[-1]))
    async with relay_on(database18) as url, Client(url) as client:
        accepted, text = await client.publish(forged)
        assert (accepted, text.partition(":")[0]) == (False, "invalid")
        assert await client.fetch({}) == []


@pytest.mark.parametrize("member", ["id", "sig"])
async def test_an_event_with_a_forged_member_is_refused(database18: dict[str, Any], member: str) -> None:
    event = as_json(make_ring_note())
    event[member] = ("0" if event[member][0] != "0" else "1") + event[member][1:]
    async with relay_on(database18) as url, Client(url) as client:
        accepted, text = await client.publish(event)
        assert (accepted, text.partition(":")[0]) == (False, "invalid")


async def test_content_is_given_back_byte_for_byte(database: dict[str, Any]) -> None:
    content = "".join(map(chr, range(0x20))) + '\x7f"\\/\u2028\u2029 \u00e9\U0001f600'
    event = make_event(content=content, tags=(("t", "a\0b"), ("x", content)))
    async with relay_on(database, accept={"plain": True}) as url, Client(url) as client:
        # Python's json writes control characters as \\u001f, and U+007F as it is: the id every client computes.
        await client.publish_all(event)
        assert await client.fetch({"#t": ["a\0b"]}) == [as_json(event)]


async def test_unknown_members_are_dropped_and_the_last_of_duplicate_keys_wins(database18: dict[str, Any]) -> None:
    event = as_json(make_event(kind=0))
    text = json.dumps(event)
    frame = '["EVENT",{"content":"the first one","extra":[1],' + text[1:] + "]"
    async with relay_on(database18) as url, Client(url) as client:
        await client.send_raw("  \n" + frame + " " * 4000)
        assert await client.next("OK") == [event["id"], True, ""]
        assert await client.fetch({}) == [event]


async def test_of_a_replaceable_kind_the_newest_stays_and_the_older_is_refused(database: dict[str, Any]) -> None:
    old, new = make_event(kind=0, created_at=1000), make_event(kind=0, created_at=2000)
    async with relay_on(database) as url, Client(url) as client:
        await client.publish_all(old, new)
        accepted, text = await client.publish(old)
        assert (accepted, text.partition(":")[0]) == (False, "duplicate")
        assert [event["id"] for event in await client.fetch({})] == [new.id]


async def test_of_two_versions_of_the_same_second_the_lowest_id_stays(database18: dict[str, Any]) -> None:
    low, high = sorted(
        (make_event(kind=0, created_at=1000, content=content) for content in "ab"), key=lambda event: event.id
    )
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(high, low)
        assert (await client.publish(high))[0] is False
        assert [event["id"] for event in await client.fetch({})] == [low.id]


async def test_addressable_events_are_kept_one_a_d_value(database18: dict[str, Any]) -> None:
    versions = [
        make_event(kind=30023, created_at=created_at, tags=(("d", d),))
        for d in ("one", "two", "x" * 3000)
        for created_at in (1000, 2000)
    ]
    async with relay_on(database18, accept={"plain": True}) as url, Client(url) as client:
        await client.publish_all(*versions)
        kept = {event["id"] for event in await client.fetch({})}
        assert kept == {versions[1].id, versions[3].id, versions[5].id}


async def test_ephemeral_events_reach_subscribers_and_are_not_stored(database: dict[str, Any]) -> None:
    event = make_event(kind=20001)
    async with relay_on(database, accept={"plain": True}) as url, Client(url) as client, Client(url) as reader:
        await reader.send("REQ", "live", {"kinds": [20001]})
        await reader.next("EOSE")
        assert await client.publish(event) == (True, "")
        assert await reader.next("EVENT") == ["live", as_json(event)]
        assert await client.fetch({}) == []


async def test_authors_delete_their_own_notes_and_nobody_elses(database: dict[str, Any]) -> None:
    mine, other = make_event(key=KEYS[1]), make_event(key=KEYS[2])
    request = make_event(key=KEYS[1], kind=5, tags=(("e", mine.id), ("e", other.id), ("e", "not an id")))
    async with relay_on(database, accept={"plain": True}) as url, Client(url) as client:
        await client.publish_all(mine, other, request)
        assert {event["id"] for event in await client.fetch({})} == {other.id, request.id}
        accepted, text = await client.publish(mine)
        assert (accepted, text.partition(":")[0]) == (False, "blocked")


async def test_a_deletion_request_cannot_be_deleted(database18: dict[str, Any]) -> None:
    request = make_event(kind=5, tags=(("e", "00" * 32),))
    undo = make_event(kind=5, tags=(("e", request.id),))
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(request, undo)
        assert len(await client.fetch({})) == 2


async def test_deleting_an_address_takes_versions_up_to_the_request(database: dict[str, Any]) -> None:
    address = f"30023:{pubkey_of(KEYS[0])}:page"
    old = make_event(kind=30023, created_at=1000, tags=(("d", "page"),))
    request = make_event(kind=5, created_at=1500, tags=(("a", address),))
    late = make_event(kind=30023, created_at=1200, tags=(("d", "page"),), content="late")
    new = make_event(kind=30023, created_at=2000, tags=(("d", "page"),))
    async with relay_on(database, accept={"plain": True}) as url, Client(url) as client:
        await client.publish_all(old, request)
        assert [event["id"] for event in await client.fetch({"kinds": [30023]})] == []
        assert (await client.publish(late))[0] is False
        await client.publish_all(new)
        assert [event["id"] for event in await client.fetch({"kinds": [30023]})] == [new.id]


async def test_a_throwaway_key_can_delete_its_ring_note(database18: dict[str, Any]) -> None:
    author = KEYS[30]
    note = make_ring_note(author=author)
    request = make_event(key=author, kind=5, tags=(("e", note.id),))
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(note, request)
        assert await client.fetch({"kinds": [1]}) == []


async def test_an_expired_note_is_refused_and_an_expiring_one_is_not_given_out_later(database: dict[str, Any]) -> None:
    now = int(time.time())
    gone = make_ring_note(tags=(("expiration", f"{now - 1:030d}"),))
    soon = make_ring_note(tags=(("expiration", str(now + 4)), ("t", "x")))
    async with relay_on(database, limits={"reqs_per_s": 10_000}) as url, Client(url) as client:
        accepted, text = await client.publish(gone)
        assert (accepted, text.partition(":")[0]) == (False, "invalid")
        await client.publish_all(soon)
        async with asyncio.timeout(scaled(10)):
            while await client.fetch({}) or await client.fetch({"#t": ["x"]}):
                pass
        await client.send("COUNT", "c", {"#t": ["x"]})
        assert await client.next("COUNT") == ["c", {"count": 0, "counted": "notes"}]


async def test_a_protected_event_is_refused(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url, Client(url) as client:
        for tag in (("-",), ("-", "x")):
            accepted, text = await client.publish(make_ring_note(tags=(tag,)))
            assert (accepted, text.partition(":")[0]) == (False, "blocked")


MUST_NOT_BE_PASSED_ON = [
    *((kind, "") for kind in (4, 13, 14, 15, 62, 1059, 21059, 22242, 24133)),
    *((kind, json.dumps(as_json(make_event(tags=(("-",),))))) for kind in (6, 16)),
]


@pytest.mark.parametrize("path", ["free", "held", "priced"])
async def test_what_must_not_be_passed_on_is_refused_on_every_path_before_any_work(
    database18: dict[str, Any], tmp_path: Path, path: str
) -> None:
    events = [
        make_event(kind=kind, content=content) if is_plain else make_ring_note(content, kind=kind)
        for kind, content in MUST_NOT_BE_PASSED_ON
        for is_plain in (True, False)
    ]
    tiers = [{"path": "/", "pow_bits": 0 if path == "priced" else 60}, {"path": "/1k", "price_sat": 1_000}]
    privacy = {"publish_every_s": 3600 if path == "held" else 0}
    # Whoever accepts everything accepts none of these.
    sections: dict[str, Any] = {
        "accept": {"plain": True},
        "invoices": {"pow_bits": 32},
        "limits": {"events_per_s": 1e4},
    }
    async with shop(database18, tmp_path, tiers=tiers, privacy=privacy, **sections) as sold, Client(sold.url) as reader:
        await reader.follow()
        async with Client(sold.cheap if path == "priced" else sold.url) as author:
            answers = [await author.publish(event) for event in events]
        assert {(accepted, text.partition(":")[0]) for accepted, text in answers} == {(False, "blocked")}
        assert await reader.fetch({}) == []
        assert sold.node.made == []


async def test_a_repost_of_what_anybody_may_read_is_stored(database18: dict[str, Any]) -> None:
    reposts = [make_event(kind=6, content=json.dumps(as_json(make_event()))), make_event(kind=16, content="")]
    async with relay_on(database18, accept={"plain": True}) as url, Client(url) as client:
        await client.publish_all(*reposts)


async def test_a_note_from_too_far_in_the_future_is_refused_and_an_old_one_is_not(database18: dict[str, Any]) -> None:
    async with relay_on(database18) as url, Client(url) as client:
        accepted, text = await client.publish(make_ring_note(created_at=int(time.time()) + 1000))
        assert (accepted, text.partition(":")[0]) == (False, "invalid")
        await client.publish_all(make_ring_note(created_at=0), make_ring_note(created_at=int(time.time()) + 800))


async def test_proof_of_work_is_asked_for_where_the_operator_wants_it(database18: dict[str, Any]) -> None:
    async with relay_on(database18, tiers=[{"path": "/", "pow_bits": 10}]) as url, Client(url) as client:
        accepted, text = await client.publish(make_ring_note())
        assert (accepted, text.partition(":")[0]) == (False, "pow")
        await client.publish_all(make_ring_note(pow_bits=10))


@pytest.mark.parametrize("place", ["content", "tag", "upper case"])
async def test_a_note_that_holds_a_secret_key_is_refused(database18: dict[str, Any], place: str) -> None:
    five_bit = convertbits(KEYS[3].secret, 8, 5)
    assert five_bit is not None
    nsec = bech32_encode("nsec", five_bit)
    note = {
        "content": make_ring_note(f"oops{nsec}oops"),
        "tag": make_ring_note(tags=(("note", nsec),)),
        "upper case": make_ring_note(nsec.upper()),
    }[place]
    async with relay_on(database18) as url, Client(url) as client:
        accepted, text = await client.publish(note)
        assert (accepted, text.partition(":")[0]) == (False, "blocked")
        # A damaged one is no key: it is only text.
        await client.publish_all(make_ring_note(nsec[:-1] + ("q" if nsec[-1] != "q" else "p")))


async def test_a_note_whose_ring_signs_the_words_only_is_stored_and_served_as_it_came(
    database18: dict[str, Any],
) -> None:
    notes = [make_words_note(), make_words_note("linkable", flag="a scope")]
    async with relay_on(database18) as url, Client(url) as client:
        await client.publish_all(*notes)
        assert await client.fetch({"ids": [note.id for note in notes]}) == sorted(
            map(as_json, notes), key=lambda note: (-note["created_at"], note["id"])
        )


WORDS_STORED = (
    "duplicate: these words are here already, signed for this ring, and stay here; post nothing, or change them"
)


async def test_words_signed_for_a_ring_are_stored_once_whoever_posts_them(database: dict[str, Any]) -> None:
    first = make_words_note()
    copy = make_event(key=KEYS[60], content=first.content, tags=first.tags)
    signed_again = make_words_note(signer=4)
    linkable = make_words_note(flag="a scope")
    async with relay_on(database) as url, Client(url) as client:
        await client.publish_all(first)
        assert await client.publish(copy) == (False, WORDS_STORED)
        assert await client.publish(signed_again) == (False, WORDS_STORED)
        # Other words, another ring, or a key image: something else is said.
        await client.publish_all(make_words_note("other words"), make_words_note(ring_size=6), linkable)
        assert await client.publish(first) == (True, "duplicate: already have this event")


async def test_words_can_be_posted_again_when_the_note_that_held_their_place_is_gone(database: dict[str, Any]) -> None:
    author = PrivateKey()
    signed = make_words_note()
    first = make_event(key=author, content=signed.content, tags=signed.tags)
    async with relay_on(database) as url, Client(url) as client:
        await client.publish_all(first, make_event(key=author, kind=5, tags=(("e", first.id),)))
        await client.publish_all(signed)


async def test_of_copies_in_one_batch_one_is_stored(database: dict[str, Any]) -> None:
    signed = make_words_note()
    copies = [make_event(key=key, content=signed.content, tags=signed.tags) for key in KEYS[40:60]]
    async with relay_on(database) as url, Client(url) as client:
        for copy in copies:
            await client.send("EVENT", copy)
        answers = [await client.next("OK") for _ in copies]
        assert sorted(text for _, _, text in answers) == ["", *[WORDS_STORED] * 19]
        stored = await client.fetch({})
        assert [note["id"] for note in stored] == [event_id for event_id, accepted, _ in answers if accepted]


async def test_a_note_that_only_looks_ring_signed_is_refused(database18: dict[str, Any]) -> None:
    signed = make_words_note()
    for content, tags in (
        ("other words", signed.tags),
        ("hello\n" + signed.tags[1][1], ()),
        ('{"ring_signature":1}', ()),
    ):
        async with relay_on(database18, accept={"plain": True}) as url, Client(url) as client:
            accepted, text = await client.publish(make_event(key=KEYS[60], content=content, tags=tags))
            assert (accepted, text.partition(":")[0]) == (False, "invalid")


async def test_rings_smaller_than_the_operator_wants_are_refused(database18: dict[str, Any]) -> None:
    async with relay_on(database18, ring={"min_size": 5}) as url, Client(url) as client:
        accepted, text = await client.publish(make_ring_note(ring_size=4))
        assert (accepted, text.partition(":")[0]) == (False, "blocked")
        await client.publish_all(make_ring_note(ring_size=5))


async def test_what_a_ring_proved_is_stored_beside_the_note(database: dict[str, Any]) -> None:
    note = make_ring_note(scope="poll:1")
    async with relay_on(database) as url, Client(url) as client:
        await client.publish_all(note)
        ring_id, key_image = find(note, "R"), find(note, "J")
        assert [event["id"] for event in await client.fetch({"#R": [ring_id], "#J": [key_image]})] == [note.id]
    connection = await asyncpg.connect(**database)
    row = await connection.fetchrow("SELECT scheme, ring_size, ring_id, key_image, scope FROM notes")
    await connection.close()
    assert tuple(row) == ("blsag", 5, bytes.fromhex(ring_id), bytes.fromhex(key_image), b"poll:1")


def find(event: Any, name: str) -> str:
    value: str = next(tag[1] for tag in event.tags if tag[0] == name)
    return value


async def test_a_database_that_fails_in_an_unforeseen_way_still_gets_every_event_its_ok(
    database18: dict[str, Any],
) -> None:
    connection = await asyncpg.connect(**database18)
    async with relay_on(database18, accept={"plain": True}) as url, Client(url) as client:
        await connection.execute("ALTER TABLE notes RENAME TO elsewhere")
        accepted, text = await client.publish(make_event())
        assert (accepted, text.partition(":")[0]) == (False, "error")
        await client.send("REQ", "s", {})
        assert (await client.next("CLOSED"))[1].startswith("error:")
        await connection.execute("ALTER TABLE elsewhere RENAME TO notes")
        await client.publish_all(make_event())
    await connection.close()
