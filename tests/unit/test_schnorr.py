"""BIP-340 signatures of events: what passes and what is refused."""

import msgspec
import pytest
from coincurve import PrivateKey

from relay.protocol.event import Event, compute_id
from relay.protocol.refusal import Prefix, Rejected
from relay.verify import schnorr

KEY = PrivateKey(bytes(31) + b"\x03")
PUBKEY = KEY.public_key.format()[1:].hex()
ID = compute_id(PUBKEY, 1_700_000_000, 1, (), "hello")
EVENT = Event(ID, PUBKEY, 1_700_000_000, 1, (), "hello", KEY.sign_schnorr(bytes.fromhex(ID)).hex())
# secp256k1's field prime, and its order: s and r at or past them are no signature (BIP-340).
P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def refuse(event: Event, reason: str) -> None:
    with pytest.raises(Rejected, match=reason) as caught:
        schnorr.verify_signature(event)
    assert caught.value.prefix is Prefix.INVALID


def test_a_signed_event_passes() -> None:
    schnorr.verify_signature(EVENT)


def test_vector_0_of_bip_340_passes() -> None:
    # https://github.com/bitcoin/bips/blob/master/bip-0340/test-vectors.csv
    pubkey = "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9"
    sig = (
        "e907831f80848d1069a5371b402410364bdf1c5f8307b0084c55f1ce2dca8215"
        "25f66a4a85ea8b71e482a74f382d2ce5ebeee8fdb2172f477df4900d310536c0"
    )
    schnorr.verify_signature(msgspec.structs.replace(EVENT, id="00" * 32, pubkey=pubkey, sig=sig))


def test_another_id_is_refused() -> None:
    refuse(msgspec.structs.replace(EVENT, id="00" * 32), "signature is wrong")


def test_another_key_is_refused() -> None:
    other = PrivateKey(bytes(31) + b"\x04").public_key.format()[1:].hex()
    refuse(msgspec.structs.replace(EVENT, pubkey=other), "signature is wrong")


@pytest.mark.parametrize("place", [0, 31, 32, 63])
def test_a_flipped_bit_in_the_signature_is_refused(place: int) -> None:
    sig = bytearray.fromhex(EVENT.sig)
    sig[place] ^= 1
    refuse(msgspec.structs.replace(EVENT, sig=sig.hex()), "signature is wrong")


@pytest.mark.parametrize("pubkey", ["00" * 32, f"{5:064x}", f"{P:064x}", f"{P + 1:064x}", "ff" * 32])
def test_an_x_that_is_not_on_the_curve_is_refused_by_name(pubkey: str) -> None:
    refuse(msgspec.structs.replace(EVENT, pubkey=pubkey), "not a point on the curve")


@pytest.mark.parametrize("s", [0, N, N + 1, 2**256 - 1])
def test_an_s_of_zero_or_past_the_order_is_refused(s: int) -> None:
    refuse(msgspec.structs.replace(EVENT, sig=EVENT.sig[:64] + f"{s:064x}"), "signature is wrong")


@pytest.mark.parametrize("r", [0, P, 2**256 - 1])
def test_an_r_that_is_no_field_element_is_refused(r: int) -> None:
    refuse(msgspec.structs.replace(EVENT, sig=f"{r:064x}" + EVENT.sig[64:]), "signature is wrong")
