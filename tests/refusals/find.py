"""Find every refusal that the relay's code can send to a client, in the code itself. Knows no case and sends nothing.

A refusal is the reason of a `Rejected` or `Malformed`, a constant that begins with a prefix of NIP-01, the text of a NOTICE
or of a closing frame, or the body of an HTTP answer of 400 and more. Values that are filled in are shown as `{name}`.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType

from relay.protocol.refusal import Prefix

_RELAY = Path(__file__).resolve().parents[2] / "relay"
# The author's commands refuse nobody, and the private port is the operator's.
_NOT_FOR_CLIENTS = ("client/", "private_web.py")
_PREFIXES = tuple(f"{prefix}: " for prefix in Prefix)
# Where a text is the argument of that place; the prefix, if any, is the first argument.
_PLACES = {"Rejected": 1, "Malformed": 1, "messages.encode_notice": 0, "self._websocket.close": 1}
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class UnclearRefusal(Exception):
    """Say where a text cannot be found: write it there as a constant, or pass it as one."""


def find_refusals() -> dict[str, str]:
    """Return every refusal with the file it stands in, below relay/."""
    sources = {
        file.relative_to(_RELAY).as_posix(): file.read_text(encoding="utf-8") for file in sorted(_RELAY.rglob("*.py"))
    }
    trees = {name: ast.parse(source) for name, source in sources.items() if not name.startswith(_NOT_FOR_CLIENTS)}
    shared = {constant: value for tree in trees.values() for constant, value in _list_assigned(tree)}
    found: dict[str, str] = {}
    for name, tree in trees.items():
        found |= dict.fromkeys(find_in(tree, name, shared), f"relay/{name}")
    return found


def find_in(tree: ast.Module, name: str = "a file", shared: Mapping[str, ast.expr] = MappingProxyType({})) -> set[str]:
    """Return the refusals of one file. `shared` are the constants of all, which it can import. Raises UnclearRefusal."""
    module = _Module(tree, name, shared)
    found = {text for text in module.list_constants() if text.startswith(_PREFIXES)}
    for function, call in module.list_calls():
        called = ast.unparse(call.func)
        resolve = partial(module.resolve, within=function)
        if called in _PLACES:
            found |= _read_refusal(call, _PLACES[called], resolve)
        elif called == "refuse" and _is_http_refusal(call):
            found |= resolve(call.args[1])
    return found


def _read_refusal(call: ast.Call, place: int, resolve: Callable[[ast.expr], set[str]]) -> set[str]:
    is_exception = ast.unparse(call.func) in ("Rejected", "Malformed")
    if len(call.args) <= place:
        if is_exception:
            raise UnclearRefusal(f"{ast.unparse(call)}: give prefix and reason by place")
        # A connection closed without a reason.
        return set()
    texts = resolve(call.args[place])
    if not is_exception or not texts:
        return texts
    prefix = ast.unparse(call.args[0]).removeprefix("Prefix.")
    if prefix not in Prefix.__members__:
        raise UnclearRefusal(f"{ast.unparse(call)}: name the prefix here")
    return {f"{Prefix[prefix]}: {text}" for text in texts}


def _is_http_refusal(call: ast.Call) -> bool:
    status = ast.unparse(call.args[0])
    # One that is computed is the library's own refusal of a handshake; a bare name is passed on from elsewhere.
    return status.startswith("HTTPStatus(") or (
        status.startswith("HTTPStatus.") and HTTPStatus[status.removeprefix("HTTPStatus.")] >= 400
    )


class _Module:
    """Follow names to constants: within one file, and to those that it imports."""

    def __init__(self, tree: ast.Module, name: str, shared: Mapping[str, ast.expr]) -> None:
        self._tree = tree
        self._name = name
        self._functions = {
            node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        # Its own constants come first: private names are many files'.
        self._globals = {**shared, **dict(_list_assigned(tree))}

    def list_constants(self) -> Iterator[str]:
        yield from (
            node.value
            for node in ast.walk(self._tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )

    def list_calls(self, name: str = "") -> Iterator[tuple[_Function | None, ast.Call]]:
        """Yield the calls of a function, or of all, each with the function it stands in."""
        waiting: list[tuple[_Function | None, ast.AST]] = [(None, self._tree)]
        while waiting:
            function, node = waiting.pop()
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                function = node
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2].endswith(name):
                yield function, node
            waiting.extend((function, child) for child in ast.iter_child_nodes(node))

    def resolve(self, node: ast.expr, within: _Function | None) -> set[str]:
        """Return the texts that an expression can be."""
        match node:
            case ast.Constant(value=str(text)):
                return {text}
            case ast.Constant(value=bytes(data)):
                return {data.decode()}
            case ast.JoinedStr():
                return {_to_template(node)}
            case ast.IfExp():
                return self.resolve(node.body, within) | self.resolve(node.orelse, within)
            case ast.Attribute(attr="reason") | ast.Call(func=ast.Name(id="str")):
                # A refusal that is passed on; it was found where it is made.
                return set()
            case ast.Call(func=ast.Name(id=name)) if name in self._functions:
                function = self._functions[name]
                returned = (part.value for part in ast.walk(function) if isinstance(part, ast.Return) and part.value)
                return {text for value in returned for text in self.resolve(value, function)}
            case ast.Name(id=name):
                return self._resolve_name(node, name, within)
            case ast.Attribute(attr=name) if name.isupper():
                return self._resolve_name(node, name, None)
        raise UnclearRefusal(f"{self._name}:{node.lineno}: {ast.unparse(node)}")

    def _resolve_name(self, node: ast.expr, name: str, within: _Function | None) -> set[str]:
        if within is not None and name in (local := dict(_list_assigned(within))):
            return self.resolve(local[name], within)
        if within is not None and name in (parameters := _list_parameters(within)):
            texts: set[str] = set()
            for function, call in self.list_calls(within.name):
                by_name = [keyword.value for keyword in call.keywords if keyword.arg == name]
                by_place = call.args[parameters.index(name) : parameters.index(name) + 1]
                for value in by_name or by_place:
                    texts |= self.resolve(value, function)
            if texts:
                return texts
        if name in self._globals:
            return self.resolve(self._globals[name], None)
        raise UnclearRefusal(f"{self._name}:{node.lineno}: {name}")


def _list_assigned(scope: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    body = scope.body if isinstance(scope, ast.Module) else list(ast.walk(scope))
    for node in body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value


def _list_parameters(function: _Function) -> list[str]:
    arguments = function.args
    names = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return names[1:] if names[:1] == ["self"] else names


def _to_template(node: ast.JoinedStr) -> str:
    parts = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            parts.append(f"{{{ast.unparse(part.value).removeprefix('self._')}}}")
        elif isinstance(part, ast.Constant):
            parts.append(str(part.value))
    return "".join(parts)
