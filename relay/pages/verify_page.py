"""The page on which a reader's browser verifies what is pasted into it. Knows no note."""

from relay.http.answer import Answer
from relay.pages.headers import build_page
from relay.pages.renderer import Renderer


def render_verify(renderer: Renderer) -> Answer:
    """Return the page. What is pasted stays in the browser: there is no form that could send it."""
    return build_page(renderer.render("verify.html"))
