"""Keys as a person writes them: npub, nsec or hex, and the files with them. Knows nothing of notes."""

import os
import re
import secrets
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

import coincurve

from relay.client.signing.encrypted_key import decrypt_key, parse_encrypted_key
from relay.client.signing.mistyped import explain_lines, explain_public, explain_secret, is_seed
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.notices import print_notice
from relay.client.terminal.passphrase import ask_passphrase
from relay.protocol.hex import HEX32
from relay.protocol.nip19 import NCRYPTSEC, NSEC_CANDIDATE, decode_nprofile, decode_npub, decode_nsec, has_nsec_checksum
from relay.verify.encoding import ORDER, is_scalar

SECRET_VARIABLE = "RINGRELAY_SECRET_KEY"  # noqa: S105 (the name of the variable, not what is in it)
PASSPHRASE_VARIABLE = "RINGRELAY_PASSPHRASE"  # noqa: S105 (likewise)
MAX_RING_FILE_BYTES = 16 * 2**20
MAX_SECRET_FILE_BYTES = 4096
# Less is there in a second.
_MUCH_MIB = 512
# What people write before a key: NIP-21, and an @ as before a name.
_BEFORE = re.compile(r"\A(?:nostr:|@)+", re.IGNORECASE)
# White space, and what nobody sees: a byte order mark, joiners.
_AROUND = re.compile(r"\A[\s\ufeff\u200b-\u200d\u2060]+|[\s\ufeff\u200b-\u200d\u2060]+\Z")
_HEX_KEY = re.compile(r"[0-9a-fA-F]{64}\Z")
# A whole point. On Nostr the keys of both signs are one person's.
_HEX_POINT_KEY = re.compile(r"0[23][0-9a-fA-F]{64}\Z")
_SECRETS = ("nsec1", "ncryptsec1")


def parse_public_key(text: str) -> bytes:
    """Return the 32-byte x-only key written as npub or nprofile (NIP-19), or as 64 hex digits, or 66 from 02 or 03.

    Letters may be of either case, with nostr: (NIP-21) or @ before them. An nprofile's relays are passed over. Raises BadInput.
    """
    text = _strip(text)
    if is_like_secret(text):
        raise BadInput("this is a secret key where a public one belongs: put the npub there, and keep the secret key")
    key = _read_public_key(text)
    if key is None:
        raise BadInput(explain_public(text))
    try:
        coincurve.PublicKey(b"\x02" + key)
    except ValueError:
        raise BadInput("no such public key exists (not a point of secp256k1): copy it again, whole") from None
    return key


def parse_secret_key(text: str) -> bytes:
    """Return the 32-byte secret written as nsec (NIP-19) or as 64 hex digits.

    Raises BadInput, whose text and cause repeat nothing of what was given.
    """
    text = _AROUND.sub("", text)
    key = bytes.fromhex(text) if _HEX_KEY.match(text) else decode_nsec(text)
    if key is None:
        raise BadInput(explain_secret(text))
    if not is_scalar(key):
        raise BadInput("the secret key is out of range: make one with `ringrelay keygen`")
    return key


def make_secret_key() -> bytes:
    """Return a new secret key (32 bytes) from the system's random source."""
    return (1 + secrets.randbelow(ORDER - 1)).to_bytes(32, "big")


def to_public_key(secret: bytes) -> bytes:
    """Return the 32-byte x-only public key of a secret one."""
    return coincurve.PrivateKey(secret).public_key.format()[1:]


def holds_secret_key(text: str) -> bool:
    """Return whether a text holds an nsec with a right checksum anywhere, in letters of any case."""
    return any(map(has_nsec_checksum, NSEC_CANDIDATE.findall(text)))


def holds_encrypted_key(text: str) -> bool:
    """Return whether a text holds an ncryptsec (NIP-49): whoever guesses its passphrase has the key."""
    return NCRYPTSEC.search(text) is not None


def hide_keys(text: str) -> str:
    """Return the text with a remark in place of all that could be a secret key: an nsec, an ncryptsec, or 64 hex digits."""
    return re.sub(rf"(?i)n(?:crypt)?sec1[0-9a-z]+|(?<![0-9a-f]){HEX32}(?![0-9a-f])", "(a key, not repeated here)", text)


def is_like_secret(text: str) -> bool:
    """Return whether a text begins like a secret key, encrypted or not, complete or not."""
    return _strip(text).lower().startswith(_SECRETS)


def could_be_key(text: str) -> bool:
    """Return whether a text was meant as a key, public or secret, or as the words of one, and not as a file's name."""
    text = _strip(text)
    is_hex = _HEX_KEY.match(text) or _HEX_POINT_KEY.match(text)
    return text.lower().startswith((*_SECRETS, "npub1", "nprofile1")) or is_hex is not None or is_seed(text)


def _strip(text: str) -> str:
    return _BEFORE.sub("", _AROUND.sub("", text))


def _read_public_key(text: str) -> bytes | None:
    if _HEX_KEY.match(text) or _HEX_POINT_KEY.match(text):
        return bytes.fromhex(text)[-32:]
    if text.isupper():
        text = text.lower()
    return decode_npub(text) or decode_nprofile(text)


def load_secret(path: Path | None, environment: Mapping[str, str]) -> bytes:
    """Return the secret key from its file, or with no file from the environment. Raises BadInput.

    The passphrase of an ncryptsec comes from the environment, too, or is asked for on the terminal.
    """
    if path is not None:
        return read_secret_file(path, environment)
    text = environment.get(SECRET_VARIABLE, "").strip()
    if not text:
        raise BadInput(f"no secret key: give --key-file FILE, or set {SECRET_VARIABLE}")
    try:
        return _open_secret(text, environment)
    except BadInput as error:
        raise BadInput(f"{SECRET_VARIABLE}: {error}") from None


def read_secret_file(path: Path, environment: Mapping[str, str] = os.environ) -> bytes:
    """Return the secret key in a file; blank lines and `#` comments are skipped.

    Warns on stderr where others on this machine can read the file. Raises BadInput.
    """
    if could_be_key(path.name):
        # The key itself, pasted here, must not be repeated, and its owner must not believe that it is still secret.
        raise BadInput(
            "--key-file takes the name of a file, not a key. If that was your secret key, it is in your shell's "
            "history now: delete it there, and move to a new key if others use this machine"
        )
    text, mode = _read_file(path, MAX_SECRET_FILE_BYTES)
    if stat.S_ISREG(mode) and mode & 0o077:
        print(f"warning: others on this machine can read {path}: run `chmod 600 {path}`", file=sys.stderr)
    lines = [entry for _, entry in _list_entries(text)]
    if len(lines) != 1:
        raise BadInput(f"{path}: {explain_lines(lines)}")
    try:
        return _open_secret(lines[0], environment)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None


def _open_secret(text: str, environment: Mapping[str, str]) -> bytes:
    """Return the secret key of a text, decrypted where it is an ncryptsec (NIP-49). Raises BadInput."""
    encrypted = parse_encrypted_key(_AROUND.sub("", text))
    if encrypted is None:
        return parse_secret_key(text)
    passphrase = environment.get(PASSPHRASE_VARIABLE)
    source = "" if passphrase is None else f"{PASSPHRASE_VARIABLE}: "
    if passphrase is None:
        passphrase = ask_passphrase("The passphrase of your secret key", PASSPHRASE_VARIABLE)
    if encrypted.memory_mib >= _MUCH_MIB:
        print_notice(f"opening the secret key takes {encrypted.memory_mib} MiB of memory, and some seconds")
    try:
        return decrypt_key(encrypted, passphrase)
    except BadInput as error:
        raise BadInput(f"{source}{error}") from None


def list_ring_entries(path: Path) -> list[tuple[int, str]]:
    """Return the line number and the entry of each non-empty line of a ring file. Raises BadInput."""
    return _list_entries(read_ring_text(path))


def read_ring_text(path: Path) -> str:
    """Return the text of a ring file. Raises BadInput."""
    if could_be_key(path.name):
        raise BadInput("--ring takes the name of a file that holds the keys, one a line")
    return _read_file(path, MAX_RING_FILE_BYTES)[0]


def list_lines(text: str) -> list[tuple[int, str, str]]:
    """Return the line number, the entry and its `#` comment for each non-empty line."""
    parts = ((number, *line.partition("#")) for number, line in enumerate(text.splitlines(), start=1))
    return [(number, entry.strip(), comment.strip()) for number, entry, _, comment in parts if entry.strip()]


def _list_entries(text: str) -> list[tuple[int, str]]:
    return [(number, entry) for number, entry, _ in list_lines(text)]


def _read_file(path: Path, max_bytes: int) -> tuple[str, int]:
    """Return the text and the mode of a file, both from one open file."""
    try:
        with path.open("rb") as file:
            raw, mode = file.read(max_bytes + 1), os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise BadInput(f"{path}: cannot read it ({error.strerror}): check the name and its permissions") from None
    if len(raw) > max_bytes:
        raise BadInput(f"{path}: longer than {max_bytes} bytes: check that it is the right file")
    try:
        return raw.decode("utf-8-sig"), mode
    except UnicodeDecodeError:
        raise BadInput(f"{path}: not a text file: check that it is the right one") from None
