"""Keys in files beside the database, one a file: written before they are used, overwritten when they are not. Knows no row."""

import os
from pathlib import Path

from relay.storage.sealing import FINGERPRINT_BYTES, KEY_BYTES, SealingKey

_SUFFIX = ".key"


class KeyFiles:
    """A directory of keys, which this process shares with other relays of this machine. Its methods wait for the disk."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def prepare(self) -> None:
        """Make the directory, for its owner alone. Raises OSError."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def write(self, key: SealingKey) -> None:
        """Write a key so that it outlasts a power cut. Raises OSError."""
        path = self._to_path(key.fingerprint)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(file, key.secret)
            os.fsync(file)
        finally:
            os.close(file)
        self._sync()

    def read(self, fingerprint: bytes) -> SealingKey | None:
        """Return a key, None if it is not here or not whole. Raises OSError."""
        try:
            secret = self._to_path(fingerprint).read_bytes()
        except FileNotFoundError:
            return None
        key = SealingKey(secret) if len(secret) == KEY_BYTES else None
        return key if key is not None and key.fingerprint == fingerprint else None

    def list_fingerprints(self) -> list[bytes]:
        """Return the fingerprints of all keys that are here. Raises OSError."""
        names = (path.name.removesuffix(_SUFFIX) for path in self._directory.glob(f"*{_SUFFIX}"))
        return [bytes.fromhex(name) for name in names if _is_fingerprint(name)]

    def destroy(self, fingerprint: bytes) -> None:
        """Overwrite a key and remove its file; one that is gone is no error. Raises OSError.

        File systems that keep old blocks, and the disks themselves, may keep a copy all the same.
        """
        path = self._to_path(fingerprint)
        try:
            file = os.open(path, os.O_WRONLY)
        except FileNotFoundError:
            return
        try:
            os.write(file, bytes(KEY_BYTES))
            os.fsync(file)
        finally:
            os.close(file)
        path.unlink(missing_ok=True)
        self._sync()

    def _to_path(self, fingerprint: bytes) -> Path:
        return self._directory / f"{fingerprint.hex()}{_SUFFIX}"

    def _sync(self) -> None:
        """Wait until the directory itself is on the disk."""
        directory = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _is_fingerprint(name: str) -> bool:
    try:
        return len(bytes.fromhex(name)) == FINGERPRINT_BYTES
    except ValueError:
        return False
