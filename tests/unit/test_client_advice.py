"""What an author is told about a refusal."""

import ast
from pathlib import Path

import pytest

import relay
from relay.client.signing import advice
from relay.protocol.refusal import Prefix


def list_texts() -> str:
    """Return all texts in the source of the relay, joined. Adjacent literals are one in Python's syntax tree."""
    root = Path(relay.__file__).parent
    sources = [path for path in root.rglob("*.py") if not path.is_relative_to(root / "client")]
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sources]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    return "\n".join(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


def test_the_refusals_known_by_their_words_are_this_relays() -> None:
    texts = list_texts()
    assert [case.words for case in advice._CASES if case.words not in texts] == []


@pytest.mark.parametrize("prefix", list(Prefix))
def test_every_standard_prefix_is_explained(prefix: Prefix) -> None:
    assert advice.find_advice(f"{prefix}: because")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("duplicate: this ring member has already answered; the first answer stands, post nothing", "yours is there"),
        ("blocked: only members of the ring that the target names in its R tag may answer it", "the ring of the note"),
        ("invalid: a ring-signed poll response must be linkable, with one e tag", "--scheme blsag --scope 1018:ID"),
        ("invalid: text outside the signed message: leave out everything but", "Signature:"),
        ("invalid: the ring did not sign the tag subject: leave it out", "without --form"),
        (
            "invalid: created_at is more than 604800 seconds in the past: in this form the ring did not sign it",
            "--created-at",
        ),
        ("invalid: the tag t does not repeat the signed words: name", "say it in the message"),
        ("duplicate: these words are here already, signed for this ring, and stay here", "neither you nor they"),
    ],
)
def test_the_author_of_an_answer_or_a_text_is_told_what_this_program_can_do(text: str, said: str) -> None:
    assert said in str(advice.find_advice(text))


@pytest.mark.parametrize(
    ("reason", "bits"),
    [
        ("pow: 17 bits of proof of work are needed for a ring of this cost (NIP-13)", 17),
        ("pow: difficulty 25>=24", 25),
        ("pow: NIP-13 asks for 20 bits here", 20),
        ("pow: 1234567890 is no number of bits", None),
        ("pow: mine", None),
        ("blocked: 17 bits", None),
    ],
)
def test_the_bits_that_a_refusal_asks_for_are_found(reason: str, bits: int | None) -> None:
    assert advice.find_pow_bits(reason) == bits
    if bits is not None:
        assert f"--pow {bits}" in str(advice.find_advice(reason))
