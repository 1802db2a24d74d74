"""What is wrong or risky about a note to sign: its ring, its words, what relays refuse. Knows neither options nor relays."""

import re
import time
import unicodedata
from collections.abc import Iterable, Sequence

from relay.client.signing import keys
from relay.client.signing.advice import find_pow_bits
from relay.client.signing.lint import lint_ring
from relay.client.signing.padding import encode_padded
from relay.client.signing.ring_file import Entry
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.notices import print_warning
from relay.protocol.event import Event, find_tag
from relay.protocol.nip19 import list_traces
from relay.protocol.refusal import Prefix, Rejected
from relay.protocol.ring_terms import Scheme
from relay.verify.answers import REACTION, find_answer
from relay.verify.claim import Claim
from relay.verify.message_only import TEXT_NOTE


def check_ring(ring: Sequence[Entry], secret: bytes, scheme: Scheme) -> None:
    """Refuse a ring that the signer cannot or must not sign with, and warn of what is weak about it. Raises BadInput."""
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
    for weakness in lint_ring(ring, own, scheme):
        print_warning(weakness)


def check_message(message: str, kind: int) -> None:
    """Refuse an empty message where a note is its words. Raises BadInput."""
    if kind == TEXT_NOTE and not message:
        raise BadInput("the message is empty: give --message TEXT, or write it to stdin")


def check_words(parts: Iterable[str], secret: bytes) -> None:
    """Refuse words to publish that hold a secret key or are no UTF-8. Raises BadInput."""
    words = "\n".join(parts)
    spellings = (secret.hex(), *list_traces(secret))
    texts = (words.lower(), _squeeze(words))
    if any(keys.holds_secret_key(text) or any(spelling in text for spelling in spellings) for text in texts):
        raise BadInput("the note would publish a secret key: take the key out of it")
    if keys.holds_encrypted_key(words):
        raise BadInput(
            "the note would publish an encrypted secret key (ncryptsec), and whoever guesses its passphrase would have the "
            "key: take it out"
        )
    try:
        words.encode()
    except UnicodeEncodeError:
        raise BadInput("the note is not UTF-8 text: write it in UTF-8, or give the message on stdin") from None


def _squeeze(words: str) -> str:
    """Return the letters and digits of a text only, so that a key in groups, on two lines, or in wide letters is found."""
    return re.sub("[^a-z0-9]", "", unicodedata.normalize("NFKC", words).lower())


def warn_of_refusal(note: Event) -> None:
    """Warn of a note that a ringrelay's defaults refuse. Other relays and operators may accept it."""
    # Imported here: no other command of the author needs a relay's policy, or waits for pydantic.
    from relay.limits import AcceptPolicy, Limits, RingPolicy
    from relay.policy import rules
    from relay.verify import proof

    # What a small linkable ring meets is said before the words are typed, with the ring's other weaknesses.
    limits, ring = Limits(), RingPolicy(min_size_linkable=2)
    try:
        if len(encode_padded(note, is_padded=False).encode()) > limits.max_message_bytes:
            raise Rejected(Prefix.INVALID, f"it makes a message of more than {limits.max_message_bytes} bytes")
        now = int(time.time())
        rules.check_event(note, now, limits)
        rules.check_age(note, now, ring)
        claim = proof.detect_claim(note, ring.max_size_message_forms)
        if claim is None:
            rules.check_plain(note, AcceptPolicy())
        else:
            rules.check_claim(note, claim, ring)
        rules.check_proof_of_work(note, rules.find_cost_bits(claim, ring))
    except Rejected as rejected:
        bits = find_pow_bits(str(rejected))
        remedy = "" if bits is None else f": add --pow {bits}; `ringrelay publish --ring` mines where it is asked to"
        print_warning(f"many relays, ringrelay by default, refuse such a note: {rejected.reason}{remedy}")
    else:
        _warn_of_uncounted(note, claim)


def _warn_of_uncounted(note: Event, claim: Claim | None) -> None:
    """Warn of a reaction that relays store but never count. They refuse such a poll response."""
    if note.kind != REACTION or find_answer(note, claim) is not None:
        return
    target = find_tag(note, "e") or "ID"
    print_warning(
        f"no relay counts this reaction as a member's: for that, sign with one --tag e={target} and with "
        f"--scheme blsag --scope 7:{target}; without them it cannot be linked, which hides you better"
    )
