"""The page of the configuration: types and defaults from the model, meanings from deploy/relay.toml."""

import json
from pathlib import Path
from typing import Any

from relay.config import PREFIX, Config
from tests.references.explanations import Section, read_explanations
from tests.references.markdown import NONE, escape, make_note, make_table, quote

_EXAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "relay.toml"
_TYPES = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}
_FORMATS = {"path": "path", "password": "text, never shown", "ipvanynetwork": "network"}
_HEAD = ("key", "type", "default", "meaning", "environment")
_INTRODUCTION = f"""`ringrelay` reads `relay.toml` in the current directory, or the file that `--config` names (TOML).
A variable of the environment wins over the file; lists are JSON there. Unknown keys and `{PREFIX}` variables are errors,
and so are values out of range. `ringrelay check-config` checks both and prints what is in force.
`ringrelay check-config --print-default` prints a file with every key. On SIGHUP the tiers are read again; all other keys
take a restart. Names end in their unit: `_s` is in seconds, `_per_s` in so many a second."""


def render(command: str) -> str:
    """Return the page; `command` writes it."""
    schema = Config.model_json_schema()
    explanations = read_explanations(_EXAMPLE.read_text(encoding="utf-8"))
    top = {name: field for name, field in schema["properties"].items() if not _find_reference(field)}
    parts = [
        f"# Configuration\n\n{make_note(command, 'the model in `relay/config.py` and the comments in `deploy/relay.toml`')}",
        _INTRODUCTION,
        _render_top(top, explanations[""]),
    ]
    for name, field in schema["properties"].items():
        reference = _find_reference(field) or _find_reference(field.get("items", {}))
        if reference:
            fields = schema["$defs"][reference]["properties"]
            parts.append(_render_section(name, fields, explanations.get(name, Section()), "items" in field))
    return "\n\n".join(parts) + "\n"


def _find_reference(field: dict[str, Any]) -> str:
    return str(field.get("$ref", "")).rpartition("/")[2]


def _render_top(fields: dict[str, Any], explained: Section) -> str:
    rows = [
        _render_row(name, f"{PREFIX}{name}".upper(), field, explained)
        for name, field in fields.items()
        if name in explained.keys
    ]
    return make_table(_HEAD, rows).rstrip("\n")


def _render_section(name: str, fields: dict[str, Any], explained: Section, is_list: bool) -> str:
    assert explained.keys.keys() == fields.keys(), f"[{name}] in deploy/relay.toml has other keys than the model"
    parts = [f"## {name}"]
    if explained.text:
        parts.append(escape(explained.text))
    if is_list:
        variable = f"{PREFIX}{name.upper()}"
        parts.append(
            f"Each is a table `[[{name}]]` with these keys. The variable `{variable}` holds all of them as a list in JSON."
        )
    variables = {key: variable if is_list else f"{PREFIX}{name}__{key}".upper() for key in fields}
    rows = [_render_row(key, variables[key], field, explained) for key, field in fields.items()]
    parts.append(make_table(_HEAD[: 4 if is_list else 5], (row[: 4 if is_list else 5] for row in rows)).rstrip("\n"))
    return "\n\n".join(parts)


def _render_row(key: str, variable: str, field: dict[str, Any], explained: Section) -> tuple[str, ...]:
    return (quote(key), _render_type(field), _render_default(field), escape(explained.keys[key]), quote(variable))


def _render_type(field: dict[str, Any]) -> str:
    """Return a field's type and range in words, from its JSON schema."""
    if "anyOf" in field:
        # Beside null, which is the default.
        return _render_type(next(one for one in field["anyOf"] if one.get("type") != "null"))
    if _find_reference(field):
        return "table with the keys above"
    if "enum" in field:
        return "one of " + ", ".join(quote(_to_toml(value)) for value in field["enum"])
    if field["type"] == "array":
        return f"list, each: {_render_type(field['items'])}"
    name = _FORMATS.get(field.get("format", "")) or _TYPES[field["type"]]
    bounds = [
        f"{words} {field[bound]}"
        for bound, words in (("exclusiveMinimum", "above"), ("minimum", "at least"), ("maximum", "at most"))
        if bound in field
    ]
    return f"{name}, {', '.join(bounds)}" if bounds else name


def _render_default(field: dict[str, Any]) -> str:
    if "default" not in field:
        return "must be given"
    if field["default"] is None:
        return NONE
    return quote(_to_toml(field["default"]))


def _to_toml(value: Any) -> str:
    """Return a scalar or a list as TOML writes it; JSON does so alike."""
    return json.dumps(sorted(value) if isinstance(value, list) else value, ensure_ascii=False)
