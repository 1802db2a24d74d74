"""Write tests/refusals.md from the table: `python -m tests.refusals.write`. Knows no relay."""

from pathlib import Path

from tests.references.markdown import make_table
from tests.refusals.case import Case, Elsewhere
from tests.refusals.table import TABLE

DOCUMENT = Path(__file__).resolve().parents[1] / "refusals.md"
TABLE_TEST = "tests/refusals/test_refusals.py::test_a_refusal_is_given_as_the_table_says"
_INTRODUCTION = f"""# Every refusal

Written by `python -m tests.refusals.write` from the table in `tests/refusals/`; do not edit it here. A test fails when a text
in `relay/` is missing from the table, when the table holds one that `relay/` no longer has, and when this page is out of date.

Names in braces are filled in: `{{limits.…}}`, `{{ring.…}}`, `{{tier.…}}` and `{{invoices.…}}` with a setting
(`deploy/relay.toml` explains it, and the info document states the relay's own), the others with the one thing that the text
is about, from a closed list. `{{tag}}` is the name of a tag that was sent, if it is plain and short. Nothing else in a text
varies, and nothing else that was sent is repeated. Only where a text ends with `(found: …)`, a few characters of the note follow,
for its author, who else would not know what is meant: at most 40 in one line, no more than 8 of a key or a signature.

A test in brackets is a case of `{TABLE_TEST}`.
An EVENT's refusal comes in its OK, a REQ's or COUNT's in CLOSED, a sync's in NEG-ERR,
that of a frame which belongs to none of these in a NOTICE.
"""


def render() -> str:
    """Return the page."""
    sections = [_INTRODUCTION]
    for title, cases in TABLE.items():
        rows = [
            (f"`{case.text}{' (found: …)' if case.quotes else ''}`", case.when, case.then, _name_tests(case))
            for case in cases
        ]
        sections.append(f"## {title}\n\n{make_table(('text', 'given when', 'do next', 'test'), rows)}")
    return "\n".join(sections)


def _name_tests(case: Case) -> str:
    if isinstance(case.ways, Elsewhere):
        return f"`{case.ways.test}`"
    return ", ".join(f"[{name}]" for name in case.ways)


if __name__ == "__main__":
    DOCUMENT.write_text(render(), encoding="utf-8")
