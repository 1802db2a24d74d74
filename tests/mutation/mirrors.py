"""Which tests mirror a file: those that must notice a fault in it. The quick ones come first."""

from fnmatch import fnmatch

# What mutants are made of where no files are named: what verifies, and what settles payments.
FILES = ("relay/verify/*.py", "relay/storage/ledger.py", "relay/storage/payments/*.py")
_VECTORS = "tests/conformance/test_conformance.py::test_the_relay_finds_in_a_vector_what_it_says"
_FORMS = ("tests/unit/test_forms.py", _VECTORS)
_PAYMENTS = (
    "tests/integration/test_settlement.py",
    "tests/integration/test_paid.py",
    "tests/property/test_payments_machine.py",
)
_MIRRORS = {
    "relay/verify/answers.py": ("tests/unit/test_answers.py",),
    "relay/verify/claim.py": ("tests/unit/test_proof.py", *_FORMS),
    "relay/verify/curve.py": ("tests/unit/test_ring.py",),
    "relay/verify/encoding.py": ("tests/unit/test_encoding.py", "tests/unit/test_vectors.py", _VECTORS),
    "relay/verify/form_bound.py": ("tests/unit/test_proof.py", _VECTORS),
    "relay/verify/nonce.py": ("tests/unit/test_proof.py", "tests/unit/test_repeated_tags.py"),
    "relay/verify/pool.py": ("tests/unit/test_pool.py",),
    "relay/verify/task.py": ("tests/unit/test_workers.py", "tests/unit/test_pool.py"),
    "relay/verify/worker*.py": ("tests/unit/test_workers.py", "tests/unit/test_pool.py"),
    "relay/verify/proof.py": ("tests/unit/test_proof.py", *_FORMS),
    "relay/verify/repeated_tags.py": ("tests/unit/test_repeated_tags.py", _VECTORS),
    "relay/verify/ring_equations.py": ("tests/unit/test_ring.py", "tests/unit/test_vectors.py"),
    "relay/verify/schnorr.py": ("tests/unit/test_schnorr.py",),
    "relay/verify/*.py": _FORMS,
    "relay/storage/payments/scrub.py": ("tests/integration/test_scrub.py",),
    "relay/storage/payments/settlement.py": ("tests/unit/test_payment_terms.py", *_PAYMENTS),
    "relay/*.py": _PAYMENTS,
}


def find_mirrors(path: str) -> tuple[str, ...]:
    """Return the tests that mirror a file. The first pattern that fits it decides."""
    return next(tests for pattern, tests in _MIRRORS.items() if fnmatch(path, pattern))
