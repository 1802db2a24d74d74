"""The page that verifies, and what its browser may do: nothing can be sent from it, and WASM runs in the worker alone."""

import re

from relay.pages.renderer import Renderer
from relay.pages.static_files import find_static_url, load_all
from relay.pages.verify_page import render_verify

ENGLISH = Renderer("en", "A relay")
PAGE = render_verify(ENGLISH)
HTML = PAGE.body.decode()


def test_there_is_no_form_that_could_send_what_is_pasted() -> None:
    assert "<form" not in HTML
    assert not re.search(r"<(textarea|input|button)[^>]* name=", HTML)


def test_what_needs_script_is_hidden_without_it() -> None:
    assert re.search(r'<div id="verify" [^>]*hidden>\n<label', HTML)
    (fallback,) = re.findall(r"<noscript>(.*?)</noscript>", HTML, re.DOTALL)
    assert "ringrelay verify" in fallback


def test_the_page_names_its_worker_by_its_bytes() -> None:
    url = find_static_url("verify-worker.js")
    assert re.fullmatch(r"/static/verify-worker\.js\?v=[0-9a-f]{16}", url)
    assert f'data-worker="{url}"' in HTML


def test_wasm_is_allowed_in_the_worker_and_nowhere_else() -> None:
    assert "wasm" not in PAGE.headers["Content-Security-Policy"]
    policies = {name: file.answer.headers["Content-Security-Policy"] for name, file in load_all().items()}
    assert [name for name, policy in policies.items() if "wasm-unsafe-eval" in policy] == ["verify-worker.js"]
    # No eval, no script beside itself, and no connection.
    assert policies["verify-worker.js"] == "default-src 'none'; script-src 'wasm-unsafe-eval'"
