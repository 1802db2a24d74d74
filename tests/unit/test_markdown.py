"""Markdown of strangers as HTML: no raw HTML, no link, no picture, no style, in whatever way it is written."""

from html.parser import HTMLParser

import pytest

from relay.pages.markdown import MAX_MARKDOWN_CHARS, render_markdown
from tests.support.cpu_time import measure_fastest_s
from tests.support.time_factor import scaled

ALLOWED = frozenset(
    (
        "p",
        "em",
        "strong",
        "s",
        "code",
        "pre",
        "blockquote",
        "ul",
        "ol",
        "li",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "br",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "span",
        "bdi",
    )
)
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "text <b onclick=x>raw</b> <!-- comment --> <?php ?> <![CDATA[x]]>",
    "<div>\n\n*emphasis*\n\n</div>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](vbscript:x) [y](file:///etc/passwd) [z](//evil.example) [r](/pay/x) [m](#main)",
    "![x](javascript:alert(1)) ![y](data:image/svg+xml,<svg onload=alert(1)>)",
    "![x](https://evil.example/pixel.png \"title' onload='x\")",
    '[x](https://evil.example/"onmouseover="alert(1))',
    '[x](<https://evil.example/> "a\\"onclick=\\"b")',
    "<https://evil.example/><script>",
    "[x]: javascript:alert(1)\n\n[x]",
    '[x]: https://evil.example/ "</span><script>"\n\n[x] ![x]',
    "```html onclick=alert(1)\n</code></pre><script>\n```",
    '~~~"><script>\n</pre>\n~~~',
    "    </code></pre><script>alert(1)</script>",
    "`</code><script>`",
    "# <script>\n\n<script>\n===",
    "|<b>|x|\n|:-:|-:|\n|<i onclick=x>|](javascript:x)|",
    "&lt;script&gt; &#60;script&#62; &#0; &#x202e;",
    "\0\x1b[31m \u202e \u2066 \u200b",
    "![[[x](https://a.example)](https://b.example)](https://c.example)",
    "[![x](https://a.example/p.png)](https://b.example)",
    "> " * 60 + "deep",
    "- " * 60 + "deep",
    "[" * 5_000,
    "![" * 2_500,
    "*_" * 5_000,
]


class Tags(HTMLParser):
    """The tags of some HTML and their attributes; each must be closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes.update(attrs)
        if tag not in ("hr", "br"):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes.update(attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_markdown_makes_no_tag_but_a_few_and_no_attribute_but_two_classes(text: str) -> None:
    html = render_markdown(text, "Picture:")
    tags = Tags(html)
    assert tags.found <= ALLOWED
    assert tags.attributes <= {("class", "link"), ("class", "address")}
    assert not set("\0\x1b\u202e\u2066\u200b") & set(html)


def render(text: str) -> str:
    return render_markdown(text, "Picture:").strip()


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*a* **b** `c` ~~d~~", "<p><em>a</em> <strong>b</strong> <code>c</code> <s>d</s></p>"),
        ("# a\n## b\n###### c", "<h3>a</h3>\n<h4>b</h4>\n<h6>c</h6>"),
        (
            "[a *b*](https://c.example/ü)",
            '<p><span class="link">a <em>b</em> <bdi class="address">https://c.example/%C3%BC</bdi></span></p>',
        ),
        ("[a](nostr:npub1x)", '<p><span class="link">a <bdi class="address">nostr:npub1x</bdi></span></p>'),
        ("<https://xn--e1a.example/>", '<p><span class="link">https://xn--e1a.example/</span></p>'),
        (
            "![cat <b>](https://c.example/cat.png)",
            '<p><span class="link">Picture: cat &lt;b&gt; <bdi class="address">https://c.example/cat.png</bdi></span></p>',
        ),
        ("[a](mailto:b@c.example)", "<p>[a](mailto:b@c.example)</p>"),
        ("```js\nx < y\n```", "<pre><code>x &lt; y\n</code></pre>"),
        ("3. a\n4. b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>'),
        ("a  \nb", "<p>a<br>\nb</p>"),
    ],
)
def test_markdown_is_rendered(text: str, html: str) -> None:
    assert render(text).replace("<br />", "<br>") == html


@pytest.mark.serial
@pytest.mark.parametrize("part", ["![", "[", "*a ", "[a](b) ", "a\n\n", "_*", "[a](https://b) ", "|x|y|\n"])
def test_the_longest_text_that_is_rendered_takes_a_bounded_time(part: str) -> None:
    text = ("|a|b|\n|-|-|\n" if part.startswith("|") else "") + part * (MAX_MARKDOWN_CHARS // len(part))
    assert measure_fastest_s(lambda: render_markdown(text[:MAX_MARKDOWN_CHARS], "")) < scaled(1.5)
