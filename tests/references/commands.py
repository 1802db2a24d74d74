"""The page of the command line, from the parser that reads it. Knows no command."""

import argparse
from collections.abc import Iterable, Iterator

from relay import cli
from tests.references.markdown import NONE, escape, lay_out, make_note, make_table, quote

_INTRODUCTION = """`serve`, `migrate`, `check-config`, `forget-held` and `payments` need `pip install 'ringrelay[server]'`, the
others `pip install ringrelay`. Every command prints its own part of this page with `-h` or `--help`. `ringrelay --version`
prints the version. Options cannot be shortened."""


def render(command: str) -> str:
    """Return the page; `command` writes it."""
    parser = cli.build_parser()
    commands = _find_commands(parser)
    sections = [
        f"# Commands\n\n{make_note(command, 'the command line itself')}",
        _INTRODUCTION,
        _read_exit_statuses(),
        make_table(
            ("command", "does"),
            ((f"[`{name}`](#ringrelay-{name})", escape(summary)) for name, summary in _list_summaries(commands)),
        ).rstrip("\n"),
        *(_render_command(name, parser) for name, parser in commands.choices.items()),
    ]
    return "\n\n".join(sections) + "\n"


def _find_commands(parser: argparse.ArgumentParser) -> "argparse._SubParsersAction[argparse.ArgumentParser]":
    return next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))


def _list_summaries(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> Iterator[tuple[str, str]]:
    for action in commands._choices_actions:
        yield action.dest, action.help or ""


def _read_exit_statuses() -> str:
    # One source for both: the module's own description.
    description = (cli.__doc__ or "").partition("Exit status: ")[2]
    assert description, "the docstring of relay/cli.py must name the exit statuses"
    return f"Exit status: {' '.join(description.split())}"


def _render_command(name: str, parser: argparse.ArgumentParser) -> str:
    parts = [f"## ringrelay {name}", f"```text\n{_render_usage(name, parser)}\n```"]
    if parser.description:
        parts.append(lay_out(parser.description))
    if reads := getattr(parser, "reads", None):
        words, _, example = reads.partition(": ")
        parts.append(f"{escape(words)}: {quote(example)}")
    parts.append(_render_table(parser, (parser._positionals, parser._optionals)))
    for group in parser._action_groups:
        if group not in (parser._positionals, parser._optionals):
            title = f"**{group.title}**" + (f": {escape(group.description)}" if group.description else "")
            parts += [title, _render_table(parser, (group,))]
    if parser.epilog:
        parts.append(lay_out(parser.epilog))
    return "\n\n".join(parts)


def _render_table(parser: argparse.ArgumentParser, groups: Iterable[argparse._ArgumentGroup]) -> str:
    actions = [action for group in groups for action in group._group_actions]
    rows = [
        (quote(_render_option(action)), _render_meaning(action, parser), _render_default(action))
        for action in actions
        if not isinstance(action, argparse._HelpAction)
    ]
    return make_table(("argument", "meaning", "default"), rows).rstrip("\n")


def _render_usage(name: str, parser: argparse.ArgumentParser) -> str:
    needed = [action for action in parser._actions if action.required and action.option_strings]
    places = [_render_place(action) for action in parser._actions if not action.option_strings]
    return " ".join(["ringrelay", name, *map(_render_option, needed), "[OPTIONS]", *places])


def _render_place(action: argparse.Action) -> str:
    return f"[{_render_option(action)}]" if action.nargs == "?" else _render_option(action)


def _render_option(action: argparse.Action) -> str:
    """Return an option with what follows it, such as `--kind N`."""
    names = ", ".join(action.option_strings)
    if action.nargs == 0:
        return names
    if action.choices is not None:
        values = "|".join(map(str, action.choices))
    elif isinstance(action.metavar, tuple):
        values = " ".join(action.metavar)
    else:
        values = action.metavar or action.dest.upper()
    more = " ..." if action.nargs in ("*", "+") else ""
    return f"{names} {values}{more}".strip()


def _render_meaning(action: argparse.Action, parser: argparse.ArgumentParser) -> str:
    words = action.help or ""
    marks = [escape(words % {"default": action.default})]
    if action.required and action.option_strings:
        marks.append("required")
    if isinstance(action, argparse._AppendAction) and "repeat" not in words:
        marks.append("repeatable")
    for group in parser._mutually_exclusive_groups:
        if action in group._group_actions:
            others = [quote(other.option_strings[0]) for other in group._group_actions if other is not action]
            marks.append(f"not together with {' or '.join(others)}")
    return "; ".join(marks)


def _render_default(action: argparse.Action) -> str:
    if action.default in (None, False, argparse.SUPPRESS) or action.default == []:
        return NONE
    is_number = isinstance(action.default, float)
    return quote(f"{action.default:g}" if is_number else str(action.default))
