"""The page of a note: the signed words, its ring, what the ring proves, and the answers of ring members. Knows no socket."""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus

from relay.http.answer import Answer
from relay.http.request import Request
from relay.pages.headers import build_page
from relay.pages.markdown import MAX_MARKDOWN_CHARS, render_markdown
from relay.pages.members import Member, make_member
from relay.pages.note_view import NoteView
from relay.pages.poll import Poll, Tally, read_poll, tally_responses
from relay.pages.reader_fields import read_note_id
from relay.pages.renderer import Renderer
from relay.pages.replies import find_replies
from relay.pages.report_offer import list_report_values
from relay.pages.ring_facts import find_ring_facts
from relay.pages.shelf import Shelf
from relay.pages.words import summarise
from relay.protocol.event import Event, find_expiration
from relay.protocol.messages import CountResult
from relay.protocol.nip19 import encode_npub
from relay.protocol.refusal import Rejected
from relay.storage.page_reader import StoredNote
from relay.verify.answers import POLL_RESPONSE, REACTION

_ANSWER_ROWS = 20
_MAX_ANSWER_CHARS = 60
_KEY_IMAGE_BYTES = 33


@dataclass(frozen=True, slots=True)
class AnswerLine:
    """An answer in a list: its id (hex) and the start of its words."""

    id: str
    words: str


@dataclass(frozen=True, slots=True)
class Answers:
    """What ring members answered: exact counts by kind, some answers, and after which key image (hex) more follow.

    `keep_until` is when the first of these expires, None where none does.
    """

    reactions: CountResult
    responses: CountResult
    lines: list[AnswerLine]
    following: str
    keep_until: int | None


async def show_note(shelf: Shelf, name: str, request: Request, renderer: Renderer) -> Answer:
    """Return the page of a note that is named by nevent, note1... or hex id: 404 where it is unknown, 410 where it is gone."""
    note_id = read_note_id(name)
    note = None if note_id is None else await shelf.store.find_note(note_id)
    if note_id is None or note is None:
        return await _show_none(shelf, note_id, renderer)
    if note.expires_at is not None and note.expires_at <= shelf.now():
        return build_page(renderer.render("gone.html", reason="expired"), HTTPStatus.GONE)
    view = await shelf.view(note)
    facts = None if view.ring is None else await find_ring_facts(shelf, note)
    poll = read_poll(note.event) if view.ring is None or view.ring.is_bound else None
    answers = await _find_answers(shelf, note_id, request, poll)
    replies = await find_replies(shelf, note_id, request)
    html = renderer.render(
        "note.html",
        note=view,
        author=await _find_author(shelf, note, view),
        author_npub=encode_npub(bytes.fromhex(note.event.pubkey)),
        article=await _render_article(view, note, renderer),
        facts=facts,
        answers=answers,
        replies=replies,
        poll=poll,
        tally=None if poll is None else await _find_tally(shelf, note_id, poll),
        **list_report_values(shelf.config, shelf.tiers, note.event.pubkey),
    )
    ends = [end for end in (note.expires_at, answers.keep_until, replies.keep_until) if end is not None]
    return build_page(html, keep_until=min(ends, default=None))


async def _show_none(shelf: Shelf, note_id: bytes | None, renderer: Renderer) -> Answer:
    """Return why a note is not shown, as far as the store knows."""
    if note_id is not None and await shelf.store.is_deletion_requested(note_id):
        return build_page(renderer.render("gone.html", reason="deleted"), HTTPStatus.GONE)
    html = renderer.render("no_note.html", is_readable=note_id is not None, wait_s=shelf.config.privacy.longest_wait_s)
    return build_page(html, HTTPStatus.NOT_FOUND)


async def _find_author(shelf: Shelf, note: StoredNote, view: NoteView) -> Member | None:
    """Return the key that signed a plain note, with its name."""
    if view.ring is not None:
        return None
    key = bytes.fromhex(note.event.pubkey)
    profiles = await shelf.store.find_profiles([key], shelf.now())
    return make_member(key, profiles.get(key))


async def _render_article(view: NoteView, note: StoredNote, renderer: Renderer) -> str | None:
    """Return an article's Markdown as HTML, None for what is shown as the text that it is."""
    if not view.is_article or len(note.event.content) > MAX_MARKDOWN_CHARS:
        return None
    # In a thread: clients are served meanwhile.
    return await asyncio.to_thread(render_markdown, note.event.content, renderer.translations.gettext("Picture:"))


async def _find_answers(shelf: Shelf, note_id: bytes, request: Request, poll: Poll | None) -> Answers:
    now, store = shelf.now(), shelf.store
    counts = await store.count_answers(note_id, now)
    after = _read_key_image(request.query.get("answers", ""))
    kind = REACTION if poll is None else POLL_RESPONSE
    answers = await store.list_answers(kind, note_id, after, _ANSWER_ROWS, now)
    return Answers(
        counts[REACTION],
        counts[POLL_RESPONSE],
        [_make_line(event, poll) for event in answers.events],
        "" if answers.following is None else answers.following.hex(),
        min((end for end in map(find_expiration, answers.events) if end is not None), default=None),
    )


def _make_line(event: Event, poll: Poll | None) -> AnswerLine:
    if event.kind != POLL_RESPONSE or poll is None:
        return AnswerLine(event.id, summarise(event.content, _MAX_ANSWER_CHARS))
    chosen = [tag[1] for tag in event.tags if tag[0] == "response" and len(tag) > 1]
    labels = [poll.options.get(option, option) for option in (chosen if poll.is_multiple else chosen[:1])]
    return AnswerLine(event.id, summarise(", ".join(labels), _MAX_ANSWER_CHARS))


async def _find_tally(shelf: Shelf, note_id: bytes, poll: Poll) -> Tally | None:
    try:
        return tally_responses(poll, await shelf.store.list_responses(note_id, shelf.now()))
    except Rejected:
        # Large rings make large answers. The page says that it has no tally; the count above it is exact.
        return None


def _read_key_image(text: str) -> bytes:
    """Return the place in a list of answers after which more is asked for, its beginning for what cannot be read."""
    try:
        after = bytes.fromhex(text)
    except ValueError:
        return b""
    return after if len(after) == _KEY_IMAGE_BYTES else b""
