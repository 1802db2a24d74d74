"""The cost of verifying a ring signature per member, in libsecp256k1 recovery calls measured in the same run.

    python -m bench.verification [--json]

A SAG member costs one such call and must stay below 1.3 calls. A bLSAG member costs three and must stay below 3.5.
Each round has new rings, so that no member's Hp is cached. All figures are medians, in
microseconds of processor time: a clock shows seven times as much where others use the machine.
"""

import argparse
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from statistics import median

from coincurve import PrivateKey
from coincurve._libsecp256k1 import ffi, lib
from coincurve.context import GLOBAL_CONTEXT

from relay.client.signing.ring_sign import sign_blsag, sign_sag
from relay.protocol.ring_terms import Scheme
from relay.verify import ring_equations
from relay.verify.encoding import RingSignature
from relay.verify.ring_equations import Dialect, Member

ROUNDS = {10: 40, 100: 12, 1000: 5}
CALLS_PER_ROUND = 200
TARGETS = {Scheme.SAG: 1.3, Scheme.BLSAG: 3.5}
MESSAGE = b"nostr-ring-note:v1:" + b"5" * 64


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description="Measure ring verification.")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    result = measure_verification()
    if parser.parse_args().json:
        print(json.dumps(result))
    else:
        _print_table(result)


def measure_verification() -> dict[str, object]:
    """Return `call_us`, and for each scheme the microseconds per member by ring size."""
    calls: list[float] = []
    recover = _prepare_call()
    schemes: dict[str, dict[str, float]] = {scheme.value: {} for scheme in Scheme}
    for size, rounds in ROUNDS.items():
        for scheme in Scheme:
            times = []
            for number in range(rounds):
                members, signature = _sign_with_ring(scheme, size, number)
                # Interleaved, so that a change of the processor's clock affects both sides of the ratio.
                calls.append(_time_us(recover) / CALLS_PER_ROUND)
                times.append(_time_verification(members, signature) / size)
                calls.append(_time_us(recover) / CALLS_PER_ROUND)
            schemes[scheme.value][str(size)] = round(median(times), 2)
    return {"call_us": round(median(calls), 2), **schemes}


def _prepare_call() -> Callable[[], None]:
    """Return a function that makes CALLS_PER_ROUND bare recovery calls."""
    context = GLOBAL_CONTEXT.ctx
    digest = hashlib.sha256(MESSAGE).digest()
    compact = PrivateKey(digest).sign_recoverable(digest, hasher=None)
    signature = ffi.new("secp256k1_ecdsa_recoverable_signature *")
    public = ffi.new("secp256k1_pubkey *")
    lib.secp256k1_ecdsa_recoverable_signature_parse_compact(context, signature, compact[:64], compact[64])

    def recover() -> None:
        call = lib.secp256k1_ecdsa_recover
        for _ in range(CALLS_PER_ROUND):
            call(context, public, signature, digest)

    return recover


def _sign_with_ring(scheme: Scheme, size: int, number: int) -> tuple[Sequence[Member], RingSignature]:
    secrets = [hashlib.sha256(f"{scheme} {size} {number} {index}".encode()).digest() for index in range(size)]
    members = [ring_equations.lift_x(PrivateKey(secret).public_key.format()[1:]) for secret in secrets]
    if scheme is Scheme.SAG:
        return members, sign_sag(MESSAGE, members, secrets[size // 2])
    signature = sign_blsag(MESSAGE, members, secrets[size // 2], "bench")
    ring_equations.hash_to_base.cache_clear()  # a relay has not signed what it verifies
    return members, signature


def _time_verification(members: Sequence[Member], signature: RingSignature) -> float:
    return _time_us(lambda: ring_equations.verify_ring_signature(MESSAGE, members, signature, (Dialect.CANONICAL,)))


def _time_us(work: Callable[[], object]) -> float:
    """Return how many microseconds of the processor one run takes."""
    started = time.thread_time_ns()
    work()
    return (time.thread_time_ns() - started) / 1000


def _print_table(result: dict[str, object]) -> None:
    call_us = result["call_us"]
    assert isinstance(call_us, float)
    print(f"one recovery call: {call_us:.1f} us")
    for scheme, target in TARGETS.items():
        figures = result[scheme.value]
        assert isinstance(figures, dict)
        for size, us in figures.items():
            print(f"{scheme:6} {size:>5} members: {us:7.1f} us per member, {us / call_us:.2f} calls (target {target})")


if __name__ == "__main__":
    main()
