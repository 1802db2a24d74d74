"""Markdown of strangers as HTML (CommonMark, tables): no raw HTML, nothing that loads or leads anywhere. Knows no note.

A link is its text and its address, both as text; a picture is its description and its address.
"""

from collections.abc import Callable, MutableMapping, Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from relay.protocol.printable import to_lines

# The slowest of so long a text took 0.6 s.
MAX_MARKDOWN_CHARS = 30_000
_SCHEMES = ("http://", "https://", "nostr:")
# A page has a heading of its own, and one for each of its parts.
_SHIFT = 2
Env = MutableMapping[str, Any]
Rule = Callable[[RendererHTML, Sequence[Token], int, Any, Env], str]


class _Parser(MarkdownIt):
    """The parser, with fewer kinds of links. The names of its methods are the library's."""

    def validateLink(self, url: str) -> bool:
        """Return whether an address makes a link. What is none stays the text that it is."""
        return url.lower().startswith(_SCHEMES)

    def normalizeLinkText(self, link: str) -> str:
        """Return the text of an address that is its own link: in ASCII, as decoded it could look like another."""
        return link


def render_markdown(text: str, picture: str) -> str:
    """Return a text as HTML that can stand in a page. `picture` is the page's word before a picture's description.

    Slow: up to 20 us a character.
    """
    html: str = _parser.render(text, {"picture": picture})
    # At the end, as the text can also write a character by its number.
    return to_lines(html)


def _open_link(_: RendererHTML, __: Sequence[Token], ___: int, ____: Any, _____: Env) -> str:
    return '<span class="link">'


def _close_link(_: RendererHTML, tokens: Sequence[Token], place: int, __: Any, ___: Env) -> str:
    # Links do not nest.
    opening = next(tokens[at] for at in range(place, -1, -1) if tokens[at].type == "link_open")
    if opening.markup == "autolink":
        return "</span>"
    return f" {_write_address(opening.attrs['href'])}</span>"


def _describe_picture(_: RendererHTML, tokens: Sequence[Token], place: int, __: Any, env: Env) -> str:
    token = tokens[place]
    return f'<span class="link">{escape(env["picture"])} {escape(token.content)} {_write_address(token.attrs["src"])}</span>'


def _write_address(address: str | int | float) -> str:
    return f'<bdi class="address">{escape(str(address))}</bdi>'


def _write_heading(renderer: RendererHTML, tokens: Sequence[Token], place: int, options: Any, env: Env) -> str:
    level = min(6, int(tokens[place].tag[1:]) + _SHIFT)
    return f"<h{level}>" if tokens[place].nesting == 1 else f"</h{level}>\n"


def _write_cell(renderer: RendererHTML, tokens: Sequence[Token], place: int, options: Any, env: Env) -> str:
    # Without the style that aligns it: the page's policy allows no style but its own.
    return f"<{tokens[place].tag}>"


def _write_code(_: RendererHTML, tokens: Sequence[Token], place: int, __: Any, ___: Env) -> str:
    return f"<pre><code>{escape(tokens[place].content)}</code></pre>\n"


def _make_parser() -> MarkdownIt:
    parser = _Parser("commonmark", {"html": False}).enable(["table", "strikethrough"])
    rules: dict[str, Rule] = {
        "link_open": _open_link,
        "link_close": _close_link,
        "image": _describe_picture,
        "heading_open": _write_heading,
        "heading_close": _write_heading,
        "th_open": _write_cell,
        "td_open": _write_cell,
        "fence": _write_code,
        "code_block": _write_code,
    }
    for name, rule in rules.items():
        parser.add_render_rule(name, rule)
    return parser


_parser = _make_parser()
