"""S: how many Schnorr signatures one core verifies a second here and now, through coincurve. Rates are quoted as shares of it."""

import hashlib
import time

from coincurve import PrivateKey, PublicKeyXOnly

_SECONDS = 0.4
_CHUNK = 200


def measure_schnorr_per_s() -> float:
    """Return verifications a second of this thread's processor time, so that others on the machine do not lower it."""
    key = PrivateKey(hashlib.sha256(b"schnorr").digest())
    message = hashlib.sha256(b"message").digest()
    signature = key.sign_schnorr(message, bytes(32))
    public = PublicKeyXOnly(key.public_key.format()[1:])
    count, started_s = 0, time.thread_time()
    while (used_s := time.thread_time() - started_s) < _SECONDS:
        for _ in range(_CHUNK):
            if not public.verify(signature, message):
                raise AssertionError("a right signature does not verify")
        count += _CHUNK
    return count / used_s
