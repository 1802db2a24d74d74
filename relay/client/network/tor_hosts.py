"""Which hosts were reached through Tor, so that none is reached without it by mistake. Keeps hashes, not names."""

import hashlib
import os
import secrets
from pathlib import Path

_SALT_BYTES = 16
# Slow on purpose: names of relays are few, and easily guessed.
_SCRYPT = {"n": 2**14, "r": 8, "p": 1}


class TorHosts:
    """A file of hashed names, the first line a salt of its own. Where it cannot be read or written, nothing is remembered."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @classmethod
    def open(cls) -> "TorHosts":
        """Return the hosts of this user (XDG Base Directory: state)."""
        state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        return cls(Path(state) / "ringrelay" / "tor-hosts")

    def has(self, host: str) -> bool:
        """Return whether a host was reached through Tor."""
        lines = self._read()
        return bool(lines) and _hash(host, lines[0]) in lines[1:]

    def add(self, host: str) -> None:
        """Remember a host."""
        lines = self._read() or [secrets.token_hex(_SALT_BYTES)]
        hashed = _hash(host, lines[0])
        if hashed in lines[1:]:
            return
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # In the order of hashes, which says nothing of when.
            text = "\n".join([lines[0], *sorted([*lines[1:], hashed])]) + "\n"
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(file, "w", encoding="ascii") as stream:
                stream.write(text)
        except OSError:
            return

    def _read(self) -> list[str]:
        try:
            lines = self._path.read_text(encoding="ascii").split()
            return lines if lines and len(bytes.fromhex(lines[0])) == _SALT_BYTES else []
        except (OSError, ValueError):
            return []


def _hash(host: str, salt: str) -> str:
    name = host.lower().rstrip(".").encode()
    return hashlib.scrypt(name, salt=bytes.fromhex(salt), dklen=32, **_SCRYPT).hex()
