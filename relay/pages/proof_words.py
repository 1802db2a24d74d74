"""What is proved of a note and what is not, in words that a layman reads once. Knows no HTML."""

import gettext

from relay.pages.note_view import NoteView
from relay.pages.numbers import group_digits
from relay.pages.poll import POLL
from relay.protocol.event import DELETION_REQUEST
from relay.verify.answers import POLL_RESPONSE, REACTION


def describe_proof(note: NoteView, translations: gettext.NullTranslations) -> str:
    """Return the sentences that stand with every note."""
    _ = translations.gettext
    if note.ring is None:
        # A stranger's npub stands beside it, as the author.
        return _(
            "Not ring-signed: signed by the key of its author. Verified by this relay. It does not prove that the words are "
            "true, who holds the key, or when it was written."
        )
    return f"{_describe_signed(note, note.ring.size, translations)} {_describe_unproved(note.ring.size, translations)}"


def _describe_signed(note: NoteView, size: int, translations: gettext.NullTranslations) -> str:
    if note.words is None:
        text = translations.ngettext(
            "One of this %(num)s key signed words in this note; this relay verified it and cannot tell here which words.",
            "One of these %(num)s keys signed words in this note; this relay verified it and cannot tell here which words.",
            size,
        )
    elif not note.is_exact:
        text = translations.ngettext(
            "One of this %(num)s key signed the words in the box, perhaps with a label or white space around them.",
            "One of these %(num)s keys signed the words in the box, perhaps with a label or white space around them.",
            size,
        )
    else:
        text = translations.ngettext(
            "One of this %(num)s key signed exactly the words in the box.",
            "One of these %(num)s keys signed exactly the words in the box.",
            size,
        )
    return text % {"num": group_digits(size, translations)}


def _describe_unproved(size: int, translations: gettext.NullTranslations) -> str:
    text = translations.ngettext(
        "Verified by this relay. Nobody can tell which. It does not prove that the words are true, that %(num)s person exists, "
        "that they know of this, or when it was written.",
        "Verified by this relay. Nobody can tell which. It does not prove that the words are true, that %(num)s people exist, "
        "that they know of this, or when it was written.",
        size,
    )
    return text % {"num": group_digits(size, translations)}


def name_kind(kind: int, translations: gettext.NullTranslations) -> str:
    """Return what people call a kind of note, or its number."""
    _ = translations.gettext
    names = {
        0: _("Profile"),
        1: _("Note"),
        DELETION_REQUEST: _("Deletion request"),
        6: _("Repost"),
        REACTION: _("Reaction"),
        11: _("Thread"),
        16: _("Repost"),
        POLL_RESPONSE: _("Response to a poll"),
        POLL: _("Poll"),
        1111: _("Comment"),
        30_023: _("Article"),
    }
    return names.get(kind) or _("Note of kind %(kind)s") % {"kind": kind}
