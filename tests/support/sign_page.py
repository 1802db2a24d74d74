"""The file that signs, opened from disk in a browser, and used as an author uses it."""

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from coincurve import PrivateKey

from relay.protocol.nip19 import encode_npub, encode_nsec
from tests.support.browsers import WIDE, Browser, Page
from tests.support.time_factor import scaled

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "relay" / "pages" / "static"
_SIGN_BOUND_S = scaled(120.0)


def find_sign_file() -> Path:
    """Return the one file that signs, as it is served."""
    (path,) = STATIC.glob("sign-*.html")
    return path


@dataclass(frozen=True)
class Author:
    """A member of a ring: their secret key, and all public ones."""

    secret: bytes
    ring: Sequence[bytes]

    @property
    def npub(self) -> str:
        return encode_npub(PrivateKey(self.secret).public_key.format()[1:])

    @property
    def nsec(self) -> str:
        return encode_nsec(self.secret)

    @property
    def ring_text(self) -> str:
        return "\n".join(map(encode_npub, self.ring)) + "\n"


def make_author(size: int) -> Author:
    """Make a member of a ring of this size."""
    secrets = [PrivateKey() for _ in range(size)]
    return Author(secrets[size // 2].secret, [secret.public_key.format()[1:] for secret in secrets])


class SignPage:
    """The open file."""

    def __init__(self, page: Page) -> None:
        self.page = page

    async def use_key(self, author: Author) -> None:
        await self.page.fill("#key", author.nsec)
        await self.page.click("#key-use")
        await self.page.wait_for_text(author.npub, "#key-status")

    async def set_ring(self, author: Author) -> None:
        await self.page.paste("#ring", author.ring_text)
        await self.page.wait_for_text(f"{len(author.ring)} ", "#ring-status")

    async def choose(self, selector: str, value: str) -> None:
        """Choose an option as a person does, with its events."""
        await self.page.evaluate(
            "(wanted, value) => { const field = document.querySelector(wanted); field.value = value; "
            "for (const name of ['input', 'change']) field.dispatchEvent(new Event(name, { bubbles: true })) }",
            selector,
            value,
        )

    async def look_over(self) -> None:
        """Look the note over, and wait for what is found."""
        await self.page.click("#review")
        seen = "() => ['refusals', 'warnings'].some(id => !document.getElementById(id).hidden)"
        await self.page.wait_for(seen, bound_s=_SIGN_BOUND_S)

    async def sign(self) -> str:
        """Look the note over, sign it, and return its JSON."""
        await self.look_over()
        await self.page.evaluate("() => { document.querySelector('#note').value = '' }")
        await self.page.click("#sign")
        await self.page.wait_for("() => document.querySelector('#note').value !== ''", bound_s=_SIGN_BOUND_S)
        json: str = await self.page.evaluate("() => document.querySelector('#note').value")
        return json

    async def list_said(self, selector: str) -> list[str]:
        """Return what the items of a list say."""
        said: list[str] = await self.page.evaluate(
            "(wanted) => [...document.querySelectorAll(wanted)].map(item => item.textContent)", f"{selector} li"
        )
        return said


@asynccontextmanager
async def open_sign_file(browser: Browser, folder: Path, size: tuple[int, int] = WIDE) -> AsyncIterator[SignPage]:
    """Open a copy of the file from a folder, as one that was downloaded."""
    copy = Path(shutil.copy(find_sign_file(), folder))
    async with browser.page(size) as page:
        assert await page.open(copy.as_uri()) == 0
        yield SignPage(page)
