"""The references of docs/reference/: what the code says today, whole, and on every Python the same."""

import argparse
from collections.abc import Iterator

import pytest

from relay.cli import build_parser
from relay.config import Config
from relay.metrics import Metrics
from tests.references.evidence import FOLDER as EVIDENCE
from tests.references.evidence import render_pages
from tests.references.explanations import Unexplained, read_explanations
from tests.references.markdown import escape, lay_out, make_table
from tests.references.write import COMMAND, FOLDER, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_says(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name](COMMAND), f"run `{COMMAND}`"


def test_the_folder_holds_no_other_page() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(PAGES)


def test_the_evidence_files_page_is_what_its_template_says() -> None:
    pages = render_pages()
    assert {path: path.read_text(encoding="utf-8") for path in pages} == pages, f"run `{COMMAND}`, and `make web`"
    assert set(EVIDENCE.glob("page.*.html")) == set(pages)


def test_every_option_of_every_command_is_there() -> None:
    page = PAGES["commands.md"](COMMAND)
    commands = next(action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction))
    for name, parser in commands.choices.items():
        section = page.partition(f"\n## ringrelay {name}\n")[2].partition("\n## ")[0]
        for option in list_options(parser):
            assert f"\n| `{option}" in section, f"{name} {option}"


def list_options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if not isinstance(action, argparse._HelpAction):
            yield action.option_strings[0] if action.option_strings else str(action.metavar).partition("|")[0]


def test_every_key_and_its_variable_is_there() -> None:
    page = PAGES["configuration.md"](COMMAND)
    values = Config().model_dump()
    for name, value in values.items():
        if isinstance(value, dict):
            section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
            for key in value:
                assert f"\n| `{key}` | " in section, f"{name}.{key}"
                assert f" | `RELAY_{name.upper()}__{key.upper()}` |" in section
    assert "| `RELAY_DATA_DIR` |" in page
    assert "`RELAY_TIERS`" in page


def test_every_metric_is_there() -> None:
    page = PAGES["metrics.md"](COMMAND)
    served = Metrics(0).render().decode()
    names = [line.split()[2] for line in served.splitlines() if line.startswith("# TYPE")]
    assert len(names) > 20
    assert [name for name in names if f"\n| `{name}` | " not in page] == []


def test_comments_are_read_above_their_keys_also_in_an_example_that_is_commented_out() -> None:
    text = """# Of the file.

# What the first is.
# It goes on.
# first = 1

# What sections are.
[[some]]
# What it is called, such as #e.
name = "x"

# A further one.
#[[some]]
#name = "y"
## How many.
#count = 2
"""
    sections = read_explanations(text)
    assert sections[""].keys == {"first": "What the first is. It goes on."}
    assert sections["some"].text == "What sections are. A further one."
    assert sections["some"].keys == {"name": "What it is called, such as #e.", "count": "How many."}


@pytest.mark.parametrize(
    "text", ["[a]\n# key = 1", "[a]\n# What one is.\n# one = 1\n# key = 1", "# Of all.\n\nkey = 1"]
)
def test_a_key_without_a_comment_of_its_own_is_an_error(text: str) -> None:
    with pytest.raises(Unexplained, match=r"key: write a comment"):
        read_explanations(text)


def test_markdown_shows_words_as_they_are() -> None:
    assert escape("RELAY_* and <id> and `<id>`") == r"RELAY_\* and \<id> and `<id>`"
    assert make_table(("a", "b"), [("x|y", "`z`")]) == "| a | b |\n| --- | --- |\n| x\\|y | `z` |\n"
    assert lay_out("words\nmore\n\n  code <x>\n    in") == "words\nmore\n\n```text\ncode <x>\n  in\n```"
    assert lay_out("title:\n  code") == "title:\n\n```text\ncode\n```"
