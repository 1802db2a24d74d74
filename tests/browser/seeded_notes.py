"""Notes as people would post them: rings of several sizes, languages and forms, an answered note, a poll, long texts, profiles.

Knows no relay. Their times are hours before now, in whole hours, as `ringrelay sign` makes them.
"""

import json
import time
from dataclasses import dataclass, field

from relay.client.signing.draft import Draft
from relay.client.signing.message_forms import make_message_note
from relay.protocol.event import Event
from relay.protocol.ring_terms import Form
from tests.support.events import KEYS, make_event, make_ring, make_ring_note

_HOUR_S = 3_600
_NAMES = (
    "Ana Ruiz",
    "Bo",
    "Chiara M.",
    "Dr. D. Okafor",
    "Edda",
    "Farid",
    "Gül",
    "Håkon",
    "Inés",
    "Jana",
    "محمود",
    "田中",
)

MINUTES = "The minutes of March were changed after the vote. The first version is in the archive of the works council, page 4."
SPANISH = (
    "El informe de seguridad que se entregó al ayuntamiento no es el que firmamos. En el nuestro, la página 12 decía que el puente "
    "debía cerrarse.\n\nPedimos que se publiquen los dos."
)
ARABIC = "نحن العاملون في المستشفى نؤكد أن أجهزة الطوارئ لم تُفحص منذ عامين، وأن التقرير المنشور (2026) لا يذكر ذلك."
CHINESE = "我们工厂的废水从去年十月起没有经过处理。附近的居民不知道这件事。"
SIZES = "Two of us saw it."
MIXED = "Quote: «أُغلق القسم» (the ward was closed) on 3 May, see https://clinic.example/notice?id=12&lang=ar#top."
EMOJI = "It is 35 °C in hall 2 again 🥵 and the fans are still «on order» 👩🏽‍🏭👨‍👩‍👧‍👦 🇪🇺"
LONG = "\n\n".join(
    f"{number}. On day {number} the shift began at six. The gauge on line {number % 4 + 1} stood at {90 + number}, which is above "
    "what the manual allows, and the foreman wrote 85 into the book. Three of us saw the page before it was replaced."
    for number in range(1, 41)
)
ARTICLE = """# What the audit left out

We are 40 people who work in procurement. **One of us** wrote this; the ring says no more than that.

## The three contracts

1. The first was signed *before* the tender closed.
2. The second has no delivery note.
3. The third names a company that did not exist yet.

> "It was a matter of timing", said the board.

- The list of payments: [the public register](https://register.example/2026)
- `A-17` in the annex

| month | paid | delivered |
|---|---|---|
| May | 1,200 | 0 |
| June | 2,400 | 10 |

```
invoice 2026-114
```
"""


@dataclass(frozen=True)
class SeededNotes:
    """The notes by name, in the order in which they are to be posted."""

    free: dict[str, Event] = field(default_factory=dict)
    paid: dict[str, Event] = field(default_factory=dict)

    @property
    def all(self) -> dict[str, Event]:
        return {**self.free, **self.paid}


def make_seeded_notes() -> SeededNotes:
    notes = SeededNotes()
    for number, name in enumerate(_NAMES):
        profile = json.dumps({"name": name, "about": "works here"}, ensure_ascii=False)
        notes.free[f"profile {number}"] = make_event(
            key=KEYS[number], kind=0, content=profile, created_at=_hours_ago(9_000)
        )
    notes.free.update(
        {
            "two": make_ring_note(SIZES, ring_size=2, signer=1, created_at=_hours_ago(60)),
            "five": make_ring_note(SPANISH, created_at=_hours_ago(50)),
            "arabic": make_ring_note(ARABIC, ring_size=8, created_at=_hours_ago(44)),
            "chinese": make_ring_note(CHINESE, ring_size=12, created_at=_hours_ago(40)),
            "mixed": make_ring_note(MIXED, ring_size=12, created_at=_hours_ago(39)),
            "emoji": make_ring_note(EMOJI, ring_size=12, created_at=_hours_ago(38)),
            "long": make_ring_note(LONG, ring_size=20, created_at=_hours_ago(36)),
            "article": _make_article(),
            "linkable": make_ring_note(
                "I also wrote the note of Monday.", ring_size=40, scope="board-2026", created_at=_hours_ago(20)
            ),
            "nip97": _make_words("The gauge was changed on Friday.", Form.NIP97),
            "nostringer": _make_words("The second page is missing, too.", Form.NOSTRINGER),
            "text": _make_words("Ask for the delivery note.", Form.TEXT),
            **_make_answered(),
            **_make_poll(),
            "forty": make_ring_note(MINUTES, ring_size=40, signer=17, created_at=_hours_ago(4)),
        }
    )
    notes.paid.update(
        {
            "cheap": make_ring_note(
                "The works council was told on 2 May, not in June.", ring_size=40, created_at=_hours_ago(3)
            ),
            "expensive": make_ring_note(
                "Paid twice: invoices 114 and 127 are the same delivery.", ring_size=40, created_at=_hours_ago(2)
            ),
        }
    )
    return notes


def _hours_ago(hours: int) -> int:
    return int(time.time()) // _HOUR_S * _HOUR_S - hours * _HOUR_S


def _make_article() -> Event:
    tags = (
        ("d", "audit"),
        ("title", "What the audit left out"),
        ("summary", "Three contracts, and what is missing of each."),
    )
    return make_ring_note(ARTICLE, ring_size=40, kind=30023, tags=tags, created_at=_hours_ago(30))


def _make_words(content: str, form: Form) -> Event:
    draft = Draft(ring=make_ring(5), secret=KEYS[2].secret, content=content, created_at=_hours_ago(12), form=form)
    return make_message_note(draft, KEYS[70])


def _make_answered() -> dict[str, Event]:
    """Return a note with reactions of four members of its ring, and two replies."""
    target = make_ring_note(
        "Should we go to the press, or to the council first?", ring_size=20, created_at=_hours_ago(10)
    )
    answers = {
        f"reaction {signer}": make_ring_note(
            content,
            ring_size=20,
            signer=signer,
            kind=7,
            scope=f"7:{target.id}",
            tags=(("e", target.id), ("p", target.pubkey), ("k", "1")),
            created_at=_hours_ago(9),
        )
        for signer, content in enumerate(("+", "+", "-", "🙏"))
    }
    replies = {
        f"reply {number}": make_ring_note(
            text, ring_size=20, signer=number, tags=(("e", target.id, "", "root"),), created_at=_hours_ago(8)
        )
        for number, text in enumerate(("The council first. It has four weeks to answer.", "Both, on the same day."))
    }
    return {"answered": target, **answers, **replies}


def _make_poll() -> dict[str, Event]:
    """Return a poll among a ring of twelve, and five responses."""
    options = (
        ("option", "a", "Stop work on Monday"),
        ("option", "b", "Wait for the inspector"),
        ("option", "c", "Something else"),
    )
    poll = make_ring_note(
        "What do we do about hall 2?",
        ring_size=12,
        kind=1068,
        tags=(*options, ("polltype", "singlechoice"), ("endsAt", str(_hours_ago(-200)))),
        created_at=_hours_ago(7),
    )
    responses = {
        f"response {signer}": make_ring_note(
            "",
            ring_size=12,
            signer=signer,
            kind=1018,
            scope=f"1018:{poll.id}",
            tags=(("e", poll.id), ("response", choice)),
            created_at=_hours_ago(6),
        )
        for signer, choice in enumerate("aabac")
    }
    return {"poll": poll, **responses}
