"""The file that signs, as it is served: one file, a policy that allows just what is in it, and no code that calls or leads away."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from tests.support.sign_page import find_sign_file

TEXT = find_sign_file().read_text(encoding="utf-8")
MOST_BYTES = 200_000
# What opens a connection, stores something, makes code of a text, or leads to another page.
FORBIDDEN = (
    *("fetch(", "XMLHttpRequest", "WebSocket", "WebTransport", "EventSource", "sendBeacon", "RTCPeerConnection", "importScripts"),
    *("localStorage", "sessionStorage", "indexedDB", "caches.", ".cookie", "serviceWorker"),
    *("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "import(", "srcdoc"),
    *("window.open", "open(", "location.href", "location=", "location.assign", "location.replace", "location.reload"),
    *("history.", ".submit(", "requestSubmit", "http-equiv=refresh", "https:", "ws://", "wss://", "console."),
)  # fmt: skip
# Of the namespace of SVG, which the library for QR codes can write.
NAMESPACE = "http://www.w3.org/2000/svg"
# What leads away, or sends, or asks for something else.
LEADING = {"href", "src", "action", "formaction", "srcset", "ping", "data", "background", "cite", "onclick", "style"}


class Tags(HTMLParser):
    """The tags of a page with their attributes, and what stands in its script and its style."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": []}
        self._within = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attributes)))
        self._within = tag

    def handle_endtag(self, tag: str) -> None:
        del tag
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within in self.texts:
            self.texts[self._within].append(data)


TAGS = Tags()
TAGS.feed(TEXT)


def find_policy() -> dict[str, str]:
    (content,) = (each["content"] for tag, each in TAGS.found if tag == "meta" and each.get("http-equiv"))
    assert content is not None
    return {name: value for name, _, value in (part.strip().partition(" ") for part in content.split(";"))}


def test_its_policy_allows_its_own_script_and_style_and_nothing_else() -> None:
    expected = {
        "default-src": "'none'",
        "worker-src": "blob:",
        "connect-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "ringrelay-worker",
    }
    for name, texts in TAGS.texts.items():
        (text,) = texts
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        expected[f"{name}-src"] = f"'sha256-{digest}'"
    assert find_policy() == expected


def test_its_policy_comes_before_all_that_it_is_about() -> None:
    assert [tag for tag, _ in TAGS.found][:5] == ["html", "head", "meta", "meta", "meta"]
    assert TAGS.found[3][1]["http-equiv"] == "Content-Security-Policy"


def test_it_has_no_form_no_link_and_nothing_from_elsewhere() -> None:
    assert {tag for tag, _ in TAGS.found} & {
        "form",
        "iframe",
        "img",
        "link",
        "base",
        "object",
        "embed",
        "video",
        "audio",
    } == set()
    assert [each for _, attributes in TAGS.found for each in LEADING & set(attributes)] == []
    assert [attributes["download"] for tag, attributes in TAGS.found if tag == "a"] == ["note.json"]


@pytest.mark.parametrize("code", FORBIDDEN)
def test_its_script_has_no_code_that_calls_stores_or_leads_away(code: str) -> None:
    (script,) = TAGS.texts["script"]
    assert code not in script


def test_its_script_names_no_address() -> None:
    (script,) = TAGS.texts["script"]
    assert set(re.findall(r"\bhttp:[^\s\"'`>]*", script)) <= {NAMESPACE}
    assert script.count("location.") == script.count("location.protocol") > 0


def test_its_fields_are_kept_by_no_browser() -> None:
    fields = [attributes for tag, attributes in TAGS.found if tag in ("input", "textarea", "select")]
    kept = [each["id"] for each in fields if each.get("autocomplete") != "off" and each.get("type") != "file"]
    assert (kept, len(fields) > 10) == ([], True)
    # A field with a name is what a form sends, and what browsers fill.
    assert [each for each in fields if "name" in each] == []


def test_each_field_has_a_label() -> None:
    labelled = {attributes.get("for") for tag, attributes in TAGS.found if tag == "label"}
    fields = {attributes["id"] for tag, attributes in TAGS.found if tag in ("input", "textarea", "select")}
    assert fields - labelled == set()


def test_it_is_small_enough_to_be_looked_at_and_tells_no_hash_of_its_own() -> None:
    raw = find_sign_file().read_bytes()
    assert len(raw) <= MOST_BYTES
    assert hashlib.sha256(raw).hexdigest() not in TEXT
    assert "\r" not in TEXT
    assert "\0" not in TEXT
