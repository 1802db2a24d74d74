"""The evidence file as it is put together: whatever a note says stays JSON, and nobody needs a server's packages for it."""

import base64
import hashlib
import json
import re
import subprocess
import sys

import pytest

from relay.pages.evidence_file import build_evidence, list_languages
from relay.pages.language import LANGUAGES
from relay.protocol.event import encode_event
from relay.protocol.printable import is_hidden
from tests.support.command import ENVIRONMENT
from tests.support.cpu_time import measure_fastest_s
from tests.support.events import make_event

HOSTILE = [
    "</pre><script>alert(1)</script>",
    "<!--NOTE-->",
    "<!-- <script> -->",
    "&lt;&#60;&amp;",
    "\u2028\u2029\u0000\r\n\t\u202e",
    "before \u202ereversed\u202c \u200bafter\u3164 \U000e0041 \x7f",
    "{{SCRIPT}} {size} $& \\1 \\u003c",
]


@pytest.mark.parametrize("words", HOSTILE)
def test_words_cannot_leave_their_place(words: str) -> None:
    note = make_event(content=words, tags=(("t", words),))
    page = build_evidence(encode_event(note)).decode()
    empty = build_evidence(b"{}").decode()
    (shown,) = re.findall(r'<pre id="json"[^>]*>([^<>&\r\0]*)</pre>', page)
    assert json.loads(shown) == json.loads(encode_event(note))
    # Nothing in it reorders what is seen, or hides.
    assert not [char for char in shown if is_hidden(char)]
    # The page is the same but for the note.
    assert page.replace(shown, "{}") == empty


def test_a_note_that_is_all_markup_is_put_into_its_place_in_a_moment() -> None:
    # A relay does that in the thread that serves everybody.
    encoded = encode_event(make_event(content="<&" * 50_000))
    assert measure_fastest_s(lambda: build_evidence(encoded)) < 0.015


@pytest.mark.parametrize("language", list_languages())
def test_the_page_may_load_nothing_and_run_its_own_script_alone(language: str) -> None:
    page = build_evidence(b"{}", language).decode()
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert policy.split("; ") == [
        "default-src 'none'",
        f"script-src '{hash_of(script)}'",
        f"style-src '{hash_of(style)}'",
        "worker-src blob:",
        "form-action 'none'",
        "base-uri 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types ringrelay",
    ]
    assert not re.findall(r'(?:src|href)="', page.replace(script, ""))
    assert "forge" in page or language != "en"
    assert not re.findall(r"\{\{[A-Z_]+\}\}", page.replace(script, ""))


def test_it_is_in_every_language_of_the_pages() -> None:
    assert list_languages() == sorted(LANGUAGES)


def test_it_is_made_without_the_packages_of_a_server() -> None:
    code = (
        "import sys\nfrom relay.pages.evidence_file import build_evidence\nbuild_evidence(b'{}')\n"
        "print(*sys.modules, sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True, env=ENVIRONMENT)
    assert not {"jinja2", "aiohttp", "asyncpg"} & set(done.stdout.splitlines())


def hash_of(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
