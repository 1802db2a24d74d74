"""From a draft to a signed note that a reader accepts. Knows neither options nor relays."""

from coincurve import PrivateKey

from relay.client.signing.bound_form import make_bound_note
from relay.client.signing.draft import Draft
from relay.client.signing.envelope import describe_work, estimate_work_s
from relay.client.signing.message_forms import make_message_note
from relay.client.signing.risks import warn_of_refusal
from relay.client.signing.verify_event import verify_note
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.notices import print_notice
from relay.protocol.event import Event
from relay.protocol.refusal import Prefix, Rejected
from relay.protocol.ring_terms import Form

# A longer wait is announced.
_LONG_S = 3.0


def make_note(draft: Draft, author: PrivateKey) -> Event:
    """Sign the draft as a member of its ring, and the outer event with the throwaway key `author`. Raises BadInput."""
    try:
        note = _sign_draft(draft, author)
    except ValueError as error:
        # The texts of these errors are constants, without the key.
        raise BadInput(f"the note cannot be signed: {error}") from None
    _check_result(note, draft)
    warn_of_refusal(note)
    return note


def _sign_draft(draft: Draft, author: PrivateKey) -> Event:
    if draft.pow_bits and estimate_work_s(draft.content, draft.pow_bits) > _LONG_S:
        print_notice(f"mining {draft.pow_bits} bits of proof of work: {describe_work(draft.content, draft.pow_bits)}")
    if draft.form is Form.BOUND:
        return make_bound_note(draft, author)
    return make_message_note(draft, author)


def _check_result(note: Event, draft: Draft) -> None:
    """Verify the note as a relay will: a signature that a fault of the machine spoilt can reveal the secret key."""
    try:
        found = verify_note(note)
        is_misread = draft.form is not Form.BOUND and found.signed_text != draft.content
        if found.form is not draft.form or is_misread:
            raise Rejected(Prefix.INVALID, "a reader would take other words for the signed ones")
    except Rejected as rejected:
        advice = (
            "sign again" if draft.form is Form.BOUND else "change the message, which a reader may mistake, or the form"
        )
        raise BadInput(f"the signed note does not verify and is not printed ({rejected}): {advice}") from None
