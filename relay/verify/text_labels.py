"""Labels, rules and fences around a message in a text. Knows no keys and no signatures.

docs/ring-notes.md, form D, has the table and the patterns. Only U+000A ends a line.
"""

import re
import unicodedata
from enum import Enum
from typing import NamedTuple

WHITE_SPACE = " \t\r\n"
# Nobody sees them, and editors leave them at the ends of what is pasted: zero-width characters and the byte order mark.
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"
_BLANK = WHITE_SPACE + INVISIBLE
# Outside the message a no-break space is nothing either; inside it can have been signed.
_BLANK_OUTSIDE = _BLANK + "\u00a0"


class Part(Enum):
    """A part of a text that a label announces."""

    MESSAGE = "message"
    MEMBERS = "members"
    SIGNATURE = "signature"


_NAMES = {
    Part.MESSAGE: (
        "message|the message|signed message|message text|message to sign|signing message|text|note|statement",
        "nachricht|mitteilung|erklärung",
        "texte|déclaration",
        "mensaje|texto|declaración",
        "mensagem|declaração",
        "messaggio|testo|dichiarazione",
        "bericht|tekst",
        "wiadomość",
        "сообщение|текст",
        "メッセージ|本文",
        "消息|訊息|正文",
    ),
    Part.MEMBERS: (
        "ring|the ring|ring members|ring_members|ring-members|members|members of the ring|ring keys|ring public keys",
        "ring pubkeys|ring of public keys|public keys|public_keys|pubkeys|keys|npubs|signers|possible signers",
        "ringmitglieder|mitglieder|mitglieder des rings|schlüssel|öffentliche schlüssel|unterzeichner",
        "anneau|membres|membres de l'anneau|clés|clés publiques|signataires",
        "anillo|miembros|miembros del anillo|claves|claves públicas|firmantes",
        "anel|membros|membros do anel|chaves|chaves públicas|signatários",
        "anello|membri|membri dell'anello|chiavi|chiavi pubbliche|firmatari",
        "leden|leden van de ring|sleutels|publieke sleutels|ondertekenaars",
        "pierścień|członkowie|klucze|klucze publiczne",
        "кольцо|участники|участники кольца|ключи|открытые ключи|публичные ключи",
        "リング|メンバー|公開鍵",
        "环|环成员|成员|公钥|公鑰",
    ),
    Part.SIGNATURE: (
        "signature|ring signature|ring_signature|ring-signature|sig|ring sig|proof|nostringer|nostringer signature",
        "compact signature|compact signature (ringa format)|compact sag signature (ringa format)|signature created",
        "generated signature|generated ring signature|generated compact signature|generated compact signature (ringa format)",
        "signatur|ringsignatur|unterschrift|beweis",
        "signature d'anneau|preuve",
        "firma|firma de anillo|prueba",
        "assinatura|assinatura em anel|prova",
        "firma ad anello",
        "handtekening|ringhandtekening|bewijs",
        "podpis|podpis pierścieniowy|dowód",
        "подпись|кольцевая подпись|доказательство",
        "署名|リング署名",
        "签名|环签名|簽名|環簽名",
    ),
}
_PARTS = {name: part for part, lines in _NAMES.items() for line in lines for name in line.split("|")}
_LONGEST_LABEL = 80
# What Nostringer's programs print around a signature. It is true of every signature that verifies.
_PRINTED = frozenset(
    {
        "\u2713 Signature is valid!",
        "Is ring signature valid? true",
        "Signature valid: true",
        "Signing with SAG variant...",
        "Signing with BLSAG variant...",
    }
)
_COLON = r"[ \u00a0\u202f]?[:\uff1a]"
_START = r"(?P<heading>#{1,6} +)?(?P<bold>\*\*|__|\*|_)?(?P<name>[^*#:\uff1a\n]{1,50}?)"
_LABEL = re.compile(rf"{_START}(?P<inner>{_COLON})?(?(bold)(?P=bold)(?:{_COLON})?)")
_LABEL_AND_VALUE = re.compile(
    rf"[ \t]*+{_START}(?:{_COLON}(?(bold)(?P=bold)(?:{_COLON})?)|(?(bold)(?P=bold){_COLON}|(?!)))"
)
_EMPHASIS = frozenset("#*_")
_RULERS = frozenset("-*_=\u2014")
_RULE = re.compile(r"-{3,}|\*{3,}|_{3,}|={3,}|\u2014{1,3}|(?:[*-] ){2,20}[*-]")
_FENCES = frozenset({"```", "```json", "```text"})


class Span(NamedTuple):
    """A part of a text, from `start` up to `end`."""

    start: int
    end: int


def list_label_names() -> dict[Part, tuple[str, ...]]:
    """Return the names that labels have, by what they announce, as docs/ring-notes.md lists them."""
    return {part: tuple(name for line in lines for name in line.split("|")) for part, lines in _NAMES.items()}


def find_label(line: str) -> Part | None:
    """Return what a line announces that is a label and nothing else, or None."""
    stripped = strip_outside(line)
    # Most lines are told by a glance: reading 2,400 of them by the pattern takes 5 ms.
    if len(stripped) > _LONGEST_LABEL or not (stripped[:1] in _EMPHASIS or _has_colon(stripped)):
        return None
    label = _LABEL.fullmatch(stripped)
    if label is None or not (label["heading"] or label["bold"] or label["inner"]):
        return None
    return find_part(label["name"])


def find_part(name: str) -> Part | None:
    """Return what a label of this name announces, None for a name that is not in the table.

    Case, composed or decomposed accents, and the shape of an apostrophe make no difference.
    """
    return _PARTS.get(unicodedata.normalize("NFC", name).lower().replace("\u2019", "'"))


def find_other(text: str) -> str | None:
    """Return the first line of a text that is no white space, label, rule or fence, without white space around it."""
    for line in text.split("\n"):
        if not _is_trimming(line) and not _is_fence(line):
            return line.strip(_BLANK_OUTSIDE)
    return None


def is_blank(text: str) -> bool:
    """Return whether a text has only white space and what nobody sees."""
    return not strip_outside(text)


def strip_outside(text: str) -> str:
    """Return a text around the message without white space, no-break spaces, and what nobody sees, at its ends."""
    return text.strip(_BLANK_OUTSIDE)


def strip_blank(text: str, span: Span) -> Span:
    """Return the span without white space, and what nobody sees, at its ends."""
    part = text[span.start : span.end]
    start = span.start + len(part) - len(part.lstrip(_BLANK))
    return Span(start, max(start, span.start + len(part.rstrip(_BLANK))))


def trim_labels(text: str) -> Span:
    """Return the text without the label lines at its end, and without one fence there that was never opened."""
    lines = text.split("\n")
    may_drop_fence = sum(map(_is_fence, lines)) % 2 == 1
    end = len(text)
    for line in reversed(lines):
        if _is_fence(line) and may_drop_fence:
            may_drop_fence = False
        elif not _is_trimming(line):
            break
        end -= len(line) + 1
    return strip_blank(text, Span(0, max(end, 0)))


def find_message(text: str, span: Span) -> Span | None:
    """Return the span after the first label that announces the message and begins a line, or None."""
    start = span.start
    for line in text[span.start : span.end].split("\n"):
        if size := _measure_message_label(line):
            return strip_blank(text, Span(start + size, span.end))
        start += len(line) + 1
    return None


def skip_rules(text: str, span: Span) -> Span:
    """Return the span without rules and white space at its beginning, and without one fence there that nothing closes."""
    start = span.start
    lines = text[span.start : span.end].split("\n")
    may_drop_fence = sum(map(_is_fence, lines)) % 2 == 1
    for line in lines:
        if _is_fence(line) and may_drop_fence:
            may_drop_fence = False
        elif not is_blank(line) and not _is_rule(strip_outside(line)):
            break
        start = min(start + len(line) + 1, span.end)
    return strip_blank(text, Span(start, span.end))


def open_fence(text: str, span: Span) -> Span:
    """Return the lines between two fences if these are the first and last line of the span, else the span itself."""
    part = text[span.start : span.end]
    first, last = part.find("\n"), part.rfind("\n")
    if first < 0 or not _is_fence(part[:first]) or not _is_fence(part[last + 1 :]):
        return span
    return Span(span.start + first + 1, max(span.start + first + 1, span.start + last))


def _measure_message_label(line: str) -> int:
    """Return how many characters at a line's beginning announce the message: 0 for none."""
    if find_label(line) is Part.MESSAGE:
        return len(line)
    label = _LABEL_AND_VALUE.match(line) if _has_colon(line) else None
    return label.end() if label and find_part(label["name"]) is Part.MESSAGE else 0


def _has_colon(line: str) -> bool:
    return ":" in line or "\uff1a" in line


def _is_trimming(line: str) -> bool:
    # A line of a quotation, as clients and mail programs write it.
    stripped = strip_outside(strip_outside(line).removeprefix(">"))
    return not stripped or find_label(stripped) is not None or _is_rule(stripped) or stripped in _PRINTED


def _is_rule(line: str) -> bool:
    return line[0] in _RULERS and _RULE.fullmatch(line) is not None


def _is_fence(line: str) -> bool:
    return line.strip(_BLANK_OUTSIDE) in _FENCES
