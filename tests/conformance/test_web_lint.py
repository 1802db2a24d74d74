"""The lint rules of web/: each way to make markup of text, or to navigate, is an error, and what the pages do is none."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support import npm
from tests.support.time_factor import scaled

WEB = Path(__file__).parents[2] / "web"
BOUND_S = scaled(120.0)
RULE = "no-restricted-syntax"
MARKUP = (
    "el.innerHTML = x",
    'el["innerHTML"] = x',
    'el["inner" + "HTML"] = x',
    "el[`innerHTML`] = x",
    "el.innerHTML += x",
    "el.outerHTML = x",
    'el.insertAdjacentHTML("beforeend", x)',
    "el.setHTMLUnsafe(x)",
    "Document.parseHTMLUnsafe(x)",
    'new DOMParser().parseFromString(x, "text/html")',
    "range.createContextualFragment(x)",
    "document.write(x)",
    "frame.srcdoc = x",
    'el.setAttribute("srcdoc", x)',
    'el.setAttribute("onclick", x)',
    "el.setAttribute(name, x)",
    'el.setAttributeNS(null, "href", x)',
    'el.toggleAttribute("srcdoc")',
    'document.createElement("iframe")',
    'document.createElement("meta")',
    'document.createElement("form")',
    "document.createElement(name)",
    'document.createElementNS(space, "a")',
    'setTimeout("x()", 1)',
    "import(x)",
)
NAVIGATION = (
    "location = x",
    "location.href = x",
    'location["href"] = x',
    "location.assign(x)",
    "location.replace(x)",
    "location.reload()",
    "window.location = x",
    'window["location"] = x',
    "window.location.assign(x)",
    "document.location.replace(x)",
    "globalThis.location.href = x",
    "const place = location",
    "open(x)",
    "window.open(x)",
    "window?.open(x)",
    "self.open(x)",
    "const { open } = window",
    "form.submit()",
    "form.requestSubmit()",
    "history.pushState(null, '', x)",
    "history.back()",
    "history.go(-1)",
    "navigation.navigate(x)",
    "link.href = x",
    'link.setAttribute("href", x)',
    "Object.assign(link, { href: x })",
    'Reflect.set(link, "href", x)',
    "picture.src = x",
    "form.action = x",
    "link.click()",
    'link.dispatchEvent(new MouseEvent("click"))',
)
ALLOWED = (
    "el.textContent = x",
    'el.setAttribute("aria-pressed", "true")',
    'document.createElement("li")',
    'text.replace("a", "b")',
    "const scheme = location.protocol",
    "use(location.host)",
    "list[place + 1] = list[place - 1]",
    "details.open = true",
    "setTimeout(act, 1)",
)


def lint(statements: tuple[str, ...]) -> list[int]:
    """Return in which of the statements the rules find something, by their place."""
    node = npm.install(WEB, "the lint rules of web/ are not tested")
    source = "".join(f"{statement};\n" for statement in statements)
    command = [node, "node_modules/eslint/bin/eslint.js", "--stdin", "--stdin-filename", "core/tried.js", "-f", "json"]
    done = subprocess.run(command, input=source, cwd=WEB, capture_output=True, text=True, check=False, timeout=BOUND_S)
    (found,) = json.loads(done.stdout)
    assert not any(message.get("fatal") for message in found["messages"]), found["messages"]
    return sorted({message["line"] - 1 for message in found["messages"] if message["ruleId"] == RULE})


@pytest.mark.parametrize("statements", [MARKUP, NAVIGATION], ids=["markup", "navigation"])
def test_each_way_to_make_markup_or_to_navigate_is_an_error(statements: tuple[str, ...]) -> None:
    found = lint(statements)
    assert [statement for place, statement in enumerate(statements) if place not in found] == []


def test_what_pages_do_is_none() -> None:
    assert [ALLOWED[place] for place in lint(ALLOWED)] == []
