"""Texts that try to be more than text on a page: markup, script, characters that nobody sees or that reach out of their place.

The same each time. Whoever finds another one adds it here.
"""

import itertools

# Where nothing may be fetched from.
ELSEWHERE = "http://elsewhere.example"

MARKUP = (
    '<script>alert("script")</script><img src=x onerror=alert("img")><svg onload=alert("svg")>'
    '<iframe srcdoc="<script>alert(1)</script>">'
    f'<link rel=stylesheet href={ELSEWHERE}/a.css><style>body{{display:none}}</style><base href="{ELSEWHERE}/">'
    f'<meta http-equiv=refresh content="0;url={ELSEWHERE}/">'
    '<a href="javascript:alert(1)">here</a><input autofocus onfocus=alert(2)>'
    "</p></bdi></div></main></body></html><!-- --><plaintext>"
)
QUOTES = (
    '"\'`> onmouseover=alert(1) autofocus onfocus=alert(2) x=" \' style=position:fixed;inset:0 class="button" id=main'
)
TEMPLATES = (
    "{{ 7 * 7 }}{% raw %}{% endraw %}{{ config }} ${7*7} #{7*7} <%= 7*7 %> %(name)s {0} %s "
    "&lt;b&gt; &#60;script&#62; &nbsp; &rlm;"
)
LINKS = (
    f"javascript:alert(1) JaVaScRiPt:alert(2) data:text/html,<script>alert(3)</script> vbscript:x {ELSEWHERE}/picture.png "
    f"//elsewhere.example/a nostr:note1qqqqqqqqqqqqqqqqqqqq https://user@elsewhere.example:99999/%00%0a?{'a=b&' * 300} "
    "https://xn--80ak6aa92e.com https://аpple.com file:///etc/passwd"
)
BIDI = "".join(
    (
        "The vote was \u202e.dednuorg eraw eno on\u202c and \u2066isolated\u2069, \u202doverridden",
        # What opens and never ends.
        "\u202b\u202a\u202e\u2067\u2068\u2066\u061c\u200f" * 40,
        " and closed too often \u2069\u2069\u2069\u202c\u202c\u202c",
    )
)
ZERO_WIDTH = (
    "pass\u200bword\u200c \u200d\u2060\ufeff\u00ad\u180e\u034f\u3164\u2800 "
    + "\U000e0041\U000e0042\U000e007f" * 50
    + "\ufe0f" * 300
)
# Each of these letters would reach some hundred lines up and down.
TOWERS = " ".join(letter + "\u0301\u0316\u0489\u20dd\u0f71" * 200 for letter in "Zalgo")
CONTROLS = (
    "".join(map(chr, itertools.chain(range(0x20), range(0x7F, 0xA0))))
    + "\ufffe\uffff\ufdd0\U0001fffe\x1b[2J\x1b]0;title\x07"
)
ONE_WORD = "W" * 99_000
MANY_WORDS = "word and word; " * 6_600
LINES = "\n" * 20_000 + "the end" + "\r\n \t\v\f\u0085\u2028\u2029" * 1_000
WIDE = "﷽𒈙꧅⸻𒐫" * 200
RIGHT_TO_LEFT = "ا" * 3_000 + " \u200f" + "קול ישר 123 (abc) [def] 45%, " * 100
CJK = "中文没有空格的一行文字，" * 500 + "日本語" * 500 + "한국어 " * 100
EMOJI = "👩‍👩‍👧‍👦🏳️‍🌈🇪🇺🫱🏽‍🫲🏿" * 400
# As if the page itself said it.
PRETENDS = (
    "Verified by this relay.\n\nOne of these 40 keys signed exactly the words in the box. Verified by this relay and again by your "
    "browser. This proves that the words are true.\n\n✅ ✔ ☑\n\n────────────\n\nType your secret key (nsec1…) here: ______"
)
TEXTS = {
    "markup": MARKUP,
    "quotes": QUOTES,
    "templates": TEMPLATES,
    "links": LINKS,
    "bidi": BIDI,
    "zero width": ZERO_WIDTH,
    "towers": TOWERS,
    "controls": CONTROLS,
    "one word of 100 KB": ONE_WORD,
    "words of 100 KB": MANY_WORDS,
    "lines": LINES,
    "wide": WIDE,
    "right to left": RIGHT_TO_LEFT,
    "cjk": CJK,
    "emoji": EMOJI,
    "pretends": PRETENDS,
}
MARKDOWN = {
    "raw html": f"{MARKUP}\n\n<div onclick=alert(1)>\n\n*text*\n\n</div>\n\n<!-- comment -->\n<?php echo 1 ?>\n<![CDATA[x]]>",
    "links": (
        "[a](javascript:alert(1)) [b](JAVASCRIPT:alert(1)) "
        "[c](&#106;avascript:alert(1)) [d](data:text/html;base64,PHNjcmlwdD4=) "
        f'[e](vbscript:x) [f]({ELSEWHERE}/ "title\\" onclick=alert(1)") <javascript:alert(1)> <{ELSEWHERE}/auto> [g][r]\n\n'
        "[r]: javascript:alert(1)\n\n[h](file:///etc/passwd) [i](//elsewhere.example) "
        "[j](nostr:nsec1x) [k](/post?words=x) [l](#main)"
    ),
    "pictures": (
        f'![pixel]({ELSEWHERE}/pixel.png) ![x](x" onerror=alert(1))'
        f" [![b]({ELSEWHERE}/b.svg)]({ELSEWHERE}/) ![d](data:image/png;base64,AA)"
    ),
    "nested": "> " * 900
    + "deep\n\n"
    + "- " * 900
    + "deep\n\n"
    + "[" * 9_000
    + "x"
    + "](y)" * 900
    + "*" * 5_000
    + "_" * 5_000,
    "wide": "# "
    + "W" * 3_000
    + "\n\n```\n"
    + "W" * 5_000
    + "\n```\n\n|"
    + "a|" * 300
    + "\n|"
    + "-|" * 300
    + "\n|"
    + "W|" * 300,
    "bidi in a heading": f"# {BIDI}\n\n## {ZERO_WIDTH}\n\n* {TOWERS}\n\n`{BIDI}`",
    "controls": f"# {CONTROLS}\n\n{CONTROLS}\n\n```\n{CONTROLS}\n```",
    "headings like the page's": "# Verified by this relay\n\n"
    "# One of these 40 keys signed exactly the words in the box.\n\n---\n\n***",
}
# Names that members give themselves.
NAMES = (
    MARKUP,
    QUOTES,
    BIDI,
    ZERO_WIDTH,
    TOWERS,
    CONTROLS,
    "W" * 10_000,
    "npub1sn0wdenkukak0d9dfczzeacvhkrgz92ak56egt7vdgzn8pv2wfqqhrjdv9",
    "Anа Ruiz",
    "Verified by this relay",
    "\u202eziuR anA",
    "﷽" * 100,
    "",
    " \t\n",
    "{{ 7 * 7 }}",
)
