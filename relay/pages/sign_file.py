"""The file that signs notes on its reader's own disk: its name and its hash. Knows no page."""

import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

_FOLDER = Path(__file__).with_name("static")
SIGN_FILES = "sign-*.html"


class SignFile(NamedTuple):
    """The file's name and the SHA-256 of its bytes, in hex."""

    name: str
    sha256: str


@cache
def find_sign_file() -> SignFile | None:
    """Return the file that comes with this version, None where it was not built."""
    paths = sorted(_FOLDER.glob(SIGN_FILES))
    return SignFile(paths[-1].name, hashlib.sha256(paths[-1].read_bytes()).hexdigest()) if paths else None
