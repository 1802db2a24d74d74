"""Notes that carry the hostile texts in every field that a page may show. The same each time, byte for byte."""

import json
from collections.abc import Iterator, Sequence

from relay.protocol.event import Event
from tests.browser.hostile.texts import CONTROLS, ELSEWHERE, MARKDOWN, MARKUP, NAMES, PRETENDS, QUOTES, TEXTS
from tests.conformance.notes import compact, hex_of, list_bound_tags, make_event, npub_of, sign_bound
from tests.conformance.signing import key_of, sag

# A bound note lists its ring in the order of the keys.
RING = sorted(range(len(NAMES)), key=key_of)
_FIVE = sorted(range(5), key=key_of)
# The same words are taken once of a ring, in whichever of these forms.
_NIP97, _NOSTRINGER, _TEXT = range(5), range(1, 6), range(2, 7)
_SIGNER = 2
_TAGS = 2_000


def list_hostile_notes() -> Iterator[tuple[str, Event]]:
    """Yield each note with its name, in the order in which they are to be posted."""
    yield from _list_profiles()
    for name, text in TEXTS.items():
        yield f"bound, {name}", _bound(text, ring=RING)
        yield f"nip97, {name}", _nip97(text)
        yield f"nostringer, {name}", _nostringer(text)
        yield f"tags, {name}", _bound("Look at the tags.", _list_tags(text))
    for name in ("markup", "bidi", "quotes", "pretends", "right to left"):
        yield f"text, {name}", _text(TEXTS[name])
    for name, text in {**MARKDOWN, **TEXTS}.items():
        tags = [
            ["d", name],
            ["title", text],
            ["summary", text],
            ["image", f"{ELSEWHERE}/image.png"],
            ["published_at", text],
        ]
        yield f"article, {name}", _bound(text, tags, kind=30023)
    yield "2,000 tags", _bound("Look at all the tags.", [["t", f"{number}{QUOTES}"] for number in range(_TAGS - 5)])
    yield "linkable", _linkable("In a scope that is markup.", MARKUP[:60])
    yield from _list_answered()


def _bound(content: str, tags: Sequence[Sequence[str]] = (), *, kind: int = 1, ring: Sequence[int] = _FIVE) -> Event:
    return sign_bound([*tags, *list_bound_tags(ring, signer=_SIGNER)], ring, _SIGNER, content=content, kind=kind)


def _linkable(
    content: str, scope: str, tags: Sequence[Sequence[str]] = (), *, kind: int = 1, signer: int = _SIGNER
) -> Event:
    all_tags = [*tags, *list_bound_tags(_FIVE, scope, signer)]
    return sign_bound(all_tags, _FIVE, signer, content=content, kind=kind, flag=scope)


def _list_tags(text: str) -> list[list[str]]:
    """Return tags that clients show to people, with a text for a value."""
    names = (
        "subject",
        "content-warning",
        "alt",
        "title",
        "t",
        "r",
        "client",
        "summary",
        "l",
        "emoji",
        "location",
        text[:500],
    )
    return [["imeta", f"url {ELSEWHERE}/x.png", text[:500]], *([name, text[:500], text[:500]] for name in names)]


def _nip97(text: str) -> Event:
    tags = [["ring-members", *hex_of(*_NIP97)], ["ring-signature", compact(sag(text, _NIP97, _SIGNER))]]
    return make_event(text, tags)


def _nostringer(text: str) -> Event:
    signature = compact(sag(text, _NOSTRINGER, _SIGNER))
    value = {"message": text, "ring_members": npub_of(*_NOSTRINGER), "ring_signature": signature}
    return make_event(json.dumps(value, ensure_ascii=False))


def _text(text: str) -> Event:
    text = text.strip()
    members = "\n".join(npub_of(*_TEXT))
    return make_event(f"Message:\n{text}\n\nRing:\n{members}\n\n{compact(sag(text, _TEXT, _SIGNER))}")


def _list_profiles() -> Iterator[tuple[str, Event]]:
    for number, name in enumerate(NAMES):
        profile = {
            "name": name,
            "display_name": name,
            "about": MARKUP,
            "picture": f"{ELSEWHERE}/{number}.png",
            "nip05": name[:100],
        }
        yield f"profile {number}", make_event(json.dumps(profile), kind=0, author=number)
    for number, content in enumerate(("no JSON", "[]", '{"name": 7}', '{"name": {"a": []}}', CONTROLS), len(NAMES)):
        yield f"profile {number}", make_event(content, kind=0, author=number)


def _list_answered() -> Iterator[tuple[str, Event]]:
    """Yield a note with answers, and polls with responses, whose words are hostile."""
    target = _bound(PRETENDS, [["subject", MARKUP]])
    yield "answered", target
    for signer, content in enumerate((MARKUP, TEXTS["towers"], TEXTS["bidi"], ":shortcode:")):
        tags = [["e", target.id], ["emoji", "shortcode", f"{ELSEWHERE}/emoji.png"]]
        yield f"reaction {signer}", _linkable(content, f"7:{target.id}", tags, kind=7, signer=signer)
    yield "reply", _bound(MARKUP, [["e", target.id, f"wss://elsewhere.example/{MARKUP}", "root"]])
    for name, text in TEXTS.items():
        options = [["option", f"{number}{text[:100]}", text[:20_000]] for number in range(4)]
        poll = _bound(text[:5_000] or "?", [*options, ["polltype", text[:100]], ["endsAt", text[:100]]], kind=1068)
        yield f"poll, {name}", poll
        for signer in range(2):
            tags = [["e", poll.id], ["response", f"{signer}{text[:100]}"], ["response", text[:100]]]
            yield f"response {signer}, {name}", _linkable("", f"1018:{poll.id}", tags, kind=1018, signer=signer)
