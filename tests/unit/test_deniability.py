"""What a ring signature hides and what it does not, as docs/threat-model.md says: SAG hides for ever, bLSAG as long as keys do."""

from itertools import chain

import pytest
from coincurve import PrivateKey, PublicKey

from relay.client.signing.ring_sign import compute_key_image, sign_blsag, sign_sag
from relay.verify import ring_equations
from relay.verify.curve import Curve
from relay.verify.encoding import ORDER, RingSignature
from relay.verify.ring_equations import Dialect, hash_to_point, lift_x
from tests.support.events import KEYS, make_ring_note, pubkey_of

_MESSAGE = b"said by one of us"
_SIGNERS = sorted(KEYS[:6], key=pubkey_of)
_MEMBERS = [lift_x(bytes.fromhex(pubkey_of(key))) for key in _SIGNERS]


def _find_challenges(signature: RingSignature) -> list[int]:
    """Walk the ring and return the challenge that each member answers."""
    state = ring_equations.start_sag(_MESSAGE, _MEMBERS, Dialect.CANONICAL)
    challenges = [int.from_bytes(signature.c0, "big")]
    for member, response in zip(_MEMBERS, signature.responses, strict=True):
        point = Curve().add(int.from_bytes(response, "big"), challenges[-1], member.point)
        assert point is not None
        challenges.append(ring_equations.next_challenge(state, point))
    return challenges


def _lifted(key: PrivateKey) -> int:
    """Return the secret of the member's even point."""
    secret = int.from_bytes(key.secret, "big")
    return secret if key.public_key.format()[0] == 2 else ORDER - secret


@pytest.mark.parametrize("suspect", range(len(_SIGNERS)))
def test_every_member_could_have_made_this_very_sag(suspect: int) -> None:
    """For each member there is one draw of random numbers, as likely as any, with which they sign to the same bytes.

    So nothing tells them apart: not all secret keys together, not unlimited computing, not another member's help.
    """
    signature = sign_sag(_MESSAGE, _MEMBERS, _SIGNERS[2].secret)
    responses = [int.from_bytes(response, "big") for response in signature.responses]
    challenge = _find_challenges(signature)[suspect]
    nonce = (responses[suspect] + challenge * _lifted(_SIGNERS[suspect])) % ORDER
    # The signer draws the nonce first, then a response for every member, of which their own is not used.
    draws = chain([nonce], responses)
    signed = sign_sag(_MESSAGE, _MEMBERS, _SIGNERS[suspect].secret, draw=lambda: next(draws))
    assert signed == signature


def test_what_a_signer_draws_depends_on_chance_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """With chance held still, every response is what was drawn but the one that closes the ring, whoever signs."""
    drawn: list[int] = []

    def draw(bound: int) -> int:
        drawn.append(bound)
        return 4_711

    monkeypatch.setattr("secrets.randbelow", draw)
    for place, key in enumerate(_SIGNERS):
        signature = sign_sag(_MESSAGE, _MEMBERS, key.secret)
        others = [response for index, response in enumerate(signature.responses) if index != place]
        assert set(others) == {(1 + 4_711).to_bytes(32, "big")}
    # From all numbers of the group, by the system's generator: a nonce and a response for each member.
    assert drawn == [ORDER - 1] * (1 + len(_MEMBERS)) * len(_SIGNERS)


def test_two_notes_of_one_member_share_no_key_and_no_number() -> None:
    first, second = (make_ring_note("the same words", created_at=1_700_000_000) for _ in range(2))
    assert first.pubkey != second.pubkey
    assert {tag for tag in first.tags if tag[0] == "ringsig"}.isdisjoint(second.tags)
    assert {tag[0] for tag in set(first.tags) & set(second.tags)} == {"ring", "R"}


def test_whoever_has_a_members_secret_key_can_tell_which_linkable_notes_are_theirs() -> None:
    signature = sign_blsag(_MESSAGE, _MEMBERS, _SIGNERS[2].secret, "scope")
    images = [compute_key_image(member, key.secret, "scope") for member, key in zip(_MEMBERS, _SIGNERS, strict=True)]
    assert [image == signature.key_image for image in images] == [False, False, True, False, False, False]


def test_a_member_who_signs_in_the_same_scope_shows_that_another_linkable_note_is_not_theirs() -> None:
    accused, other = (sign_blsag(_MESSAGE, _MEMBERS, _SIGNERS[place].secret, "scope") for place in (2, 3))
    assert accused.key_image != other.key_image


def test_a_diffie_hellman_secret_with_a_members_base_is_their_key_image() -> None:
    """The caveat of linkable notes: an ECDH as encryption makes one (here the x coordinate) tests a suspect."""
    signature = sign_blsag(_MESSAGE, _MEMBERS, _SIGNERS[2].secret, "scope")
    assert signature.key_image is not None
    shared = [
        # What a suspect's own program computes for somebody whose public key is Hp(P, scope).
        PublicKey(hash_to_point(member.point, b"scope")).multiply(key.secret).format()
        for member, key in zip(_MEMBERS, _SIGNERS, strict=True)
    ]
    assert [secret[1:] == signature.key_image[1:] for secret in shared] == [False, False, True, False, False, False]


def test_without_a_scope_one_key_image_links_notes_of_two_rings_whose_intersection_names_the_signer() -> None:
    rings = (_MEMBERS[:3], _MEMBERS[2:])
    images = {sign_blsag(_MESSAGE, members, _SIGNERS[2].secret, None).key_image for members in rings}
    assert len(images) == 1
    assert [member for member in rings[0] if member in rings[1]] == [_MEMBERS[2]]
