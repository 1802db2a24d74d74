"""The files that pages load: the style, the scripts, the icon. Their addresses change with their bytes."""

import hashlib
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from relay.http.answer import Answer, build_answer
from relay.pages.sign_file import SIGN_FILES

_FOLDER = Path(__file__).with_name("static")
_TYPES = {
    ".css": "text/css; charset=utf-8",
    # Of no type that a browser opens by itself: it is to be kept, and opened from the disk.
    ".html": "application/octet-stream",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}
# A worker has the policy of its own file, not of its page. WASM is compiled in this one alone.
_POLICIES = {"verify-worker.js": "default-src 'none'; script-src 'wasm-unsafe-eval'"}
# The address of other bytes is another.
_CACHED = "public, max-age=31536000, immutable"


class StaticFile(NamedTuple):
    """A file of the pages, with the address that pages load it from."""

    url: str
    answer: Answer


@cache
def load_all() -> dict[str, StaticFile]:
    """Return all files that are served below /static/, by name."""
    files = {}
    for path in sorted(_FOLDER.iterdir()):
        # Other pages that are files, such as evidence, are made for one note each.
        if path.suffix in _TYPES and (path.suffix != ".html" or path.match(SIGN_FILES)):
            body = path.read_bytes()
            version = hashlib.sha256(body).hexdigest()[:16]
            headers = {"Cache-Control": _CACHED, "X-Content-Type-Options": "nosniff"}
            if path.name in _POLICIES:
                headers["Content-Security-Policy"] = _POLICIES[path.name]
            if path.suffix == ".html":
                headers |= _download(path.name)
            answer = build_answer(HTTPStatus.OK, _TYPES[path.suffix], body, headers)
            files[path.name] = StaticFile(f"/static/{path.name}?v={version}", answer)
    return files


def _download(name: str) -> dict[str, str]:
    """Return the headers of a file that asks for a secret key: whatever opens it gives it no origin, and runs none of it."""
    return {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    }


def find_static_url(name: str) -> str:
    """Return the address of a file, for templates. Raises KeyError if there is none of this name."""
    return load_all()[name].url
