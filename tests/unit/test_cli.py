"""The command line as a process: its help, its exit statuses, its keys, and that no option takes a secret."""

import os
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from relay.cli import build_parser
from relay.client.signing import keys
from relay.pages.sign_file import find_sign_file
from relay.protocol import nip19

COMMANDS = [
    "serve",
    "migrate",
    "check-config",
    "forget-held",
    "payments",
    "keygen",
    "ring",
    "sign",
    "publish",
    "subscribe",
    "verify",
]
NSEC = "nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5"
# A host's own settings must not decide a test.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("RELAY_", "RINGRELAY_"))}


def run(*arguments: str, cwd: Path | None = None, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "relay", *arguments],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        env=ENVIRONMENT,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def test_help_names_every_command() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert all(command in done.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    done = run(command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: ringrelay {command}")


def test_the_version_is_printed() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "ringrelay")
    file = find_sign_file()
    assert file is None or done.stdout.split()[-2:] == [file.name, f"sha256:{file.sha256}"]


@pytest.mark.parametrize("arguments", [(), ("fly",), ("sign",), ("serve", "--port", "1"), ("sign", "--rin", "x")])
def test_wrong_usage_exits_with_2(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: ringrelay" in done.stderr


@pytest.mark.parametrize(
    ("command", "arguments", "hint"),
    [
        ("verify", ("note.json",), "note is read from stdin: ringrelay verify < note.json"),
        ("publish", ("ws://127.0.0.1:1", "note.json"), "events are read from stdin: ringrelay publish URL < note.json"),
        ("publish", ("ws://127.0.0.1:1", "--timeout", "3", "note.json"), "ringrelay publish URL < note.json"),
        ("publish", ("note.json", "ws://127.0.0.1:1"), "ringrelay publish URL < note.json"),
        ("sign", ("note.txt",), "message is read from stdin: ringrelay sign"),
        ("sign", ("--ring", "ring.txt", "note.txt"), "< note.txt"),
    ],
)
def test_a_file_named_instead_of_read_is_told_about_stdin(command: str, arguments: tuple[str, ...], hint: str) -> None:
    done = run(command, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"usage: ringrelay {command}")
    assert hint in done.stderr


def test_a_file_named_instead_of_a_url_is_told_about_stdin() -> None:
    done = run("publish", "note.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "ringrelay publish URL < note.json" in done.stderr


def test_no_option_takes_a_secret_key() -> None:
    # `--key-file` and `--out` take names of files, and `--message` is refused where it holds a key.
    options = {
        option
        for parser in build_parser()._subparsers._group_actions[0].choices.values()  # type: ignore[union-attr]
        for action in parser._actions
        for option in action.option_strings
    }
    assert not {option for option in options if any(word in option for word in ("secret", "nsec", "private"))}
    assert {option for option in options if "key" in option} == {"--key-file", "--key-image"}


def test_a_secret_key_typed_as_a_command_is_not_repeated() -> None:
    done = run(NSEC)
    assert done.returncode == 2
    assert NSEC[5:] not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("ring", f" {NSEC}"),
        ("ring", f"# mine\n{NSEC}"),
        ("sign", "--ring", f"# mine\n{NSEC}"),
        ("keygen", "--out", f"x/{NSEC}"),
        ("check-config", "--config", NSEC),
    ],
)
def test_a_secret_key_in_the_place_of_a_file_is_not_repeated(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = run(*arguments, cwd=tmp_path, stdin=b"words")
    assert done.returncode == 2
    assert NSEC not in done.stderr


def test_keygen_prints_the_secret_alone_on_stdout() -> None:
    done = run("keygen")
    assert done.returncode == 0
    secret = keys.parse_secret_key(done.stdout.removesuffix("\n"))
    assert done.stderr == nip19.encode_npub(keys.to_public_key(secret)) + "\n"


def test_keygen_writes_a_file_only_its_owner_can_read_and_prints_the_npub(tmp_path: Path) -> None:
    done = run("keygen", "--out", "me.key", cwd=tmp_path)
    secret = keys.read_secret_file(tmp_path / "me.key")
    assert stat.S_IMODE((tmp_path / "me.key").stat().st_mode) == 0o600
    assert (done.returncode, done.stderr) == (0, "")
    assert keys.parse_public_key(done.stdout.strip()) == keys.to_public_key(secret)


def test_keygen_overwrites_nothing_and_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "me.key").write_text("precious")
    (tmp_path / "link.key").symlink_to(tmp_path / "elsewhere")
    for name in ("me.key", "link.key", "missing/me.key"):
        done = run("keygen", "--out", name, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert name in done.stderr
    assert (tmp_path / "me.key").read_text() == "precious"
    assert not (tmp_path / "elsewhere").exists()


def test_a_reader_that_goes_away_is_not_complained_about() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "relay", "keygen", "--out", "/dev/null/x"],
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
        )
        assert done.returncode == 2
        done = subprocess.run(
            [sys.executable, "-m", "relay", "verify"],
            input=b"{}",
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_closed_stdout_ends_nothing_in_a_traceback(tmp_path: Path) -> None:
    command = f"{shlex.quote(sys.executable)} -m relay keygen --out me.key >&-"
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("arguments", [("verify",), ("ring", "-"), ("publish", "ws://127.0.0.1:1")])
def test_a_closed_stdin_holds_nothing(arguments: tuple[str, ...], tmp_path: Path) -> None:
    command = f"{shlex.quote(sys.executable)} -m relay {shlex.join(arguments)} <&-"
    done = subprocess.run(["sh", "-c", command], capture_output=True, cwd=tmp_path, env=ENVIRONMENT, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"ringrelay ")


@pytest.mark.parametrize("arguments", [("verify",), ("keygen",), ("--help",), ("check-config", "--print-default")])
def test_output_that_cannot_be_written_is_one_line_and_status_1(arguments: tuple[str, ...], tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "relay", *arguments],
            input=b"{}",
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            # Unbuffered, argparse itself passes over the error of --help.
            env={name: value for name, value in ENVIRONMENT.items() if name != "PYTHONUNBUFFERED"},
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == b"ringrelay: cannot read or write: No space left on device\n"


@pytest.mark.parametrize("name", ["default", "disclosure"])
def test_a_configuration_is_printed_and_passes_its_own_check(tmp_path: Path, name: str) -> None:
    printed = run("check-config", f"--print-{name}", cwd=tmp_path)
    assert printed.returncode == 0
    (tmp_path / "relay.toml").write_text(printed.stdout)
    checked = run("check-config", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.splitlines()[0] == "ok"


def test_an_unknown_key_in_the_configuration_is_named_with_status_2(tmp_path: Path) -> None:
    (tmp_path / "relay.toml").write_text("no_such_key = 1\n")
    done = run("check-config", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no_such_key" in done.stderr


def test_the_check_reads_the_secret_of_the_lightning_node_and_shows_nothing_of_it(tmp_path: Path) -> None:
    node = '[lightning]\nbackend = "lnbits"\nurl = "http://127.0.0.1:1"\nsecret_file = "key"\n'
    (tmp_path / "relay.toml").write_text(node)
    missing = run("check-config", cwd=tmp_path)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "[lightning] key: cannot be read: No such file or directory" in missing.stderr
    (tmp_path / "key").write_text("canary\n")
    checked = run("check-config", cwd=tmp_path)
    assert checked.returncode == 0
    assert "canary" not in checked.stdout + checked.stderr


@pytest.mark.parametrize("command", ["check-config", "serve"])
def test_a_price_without_batches_is_refused_unless_the_operator_says_that_it_may_link(
    tmp_path: Path, command: str
) -> None:
    priced = (
        '[lightning]\nbackend = "lnbits"\nurl = "http://127.0.0.1:1"\nsecret_file = "key"\n'
        '[[tiers]]\npath = "/"\nprice_sat = 5\n'
    )
    (tmp_path / "key").write_text("canary\n")
    (tmp_path / "relay.toml").write_text(priced)
    done = run(command, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "tiers: without batches each note appears when it is paid for" in done.stderr
    assert "privacy.allow_linkable_payments = true" in done.stderr
    # Nothing was started.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key", "relay.toml"]
    for privacy in ("publish_every_s = 900", "allow_linkable_payments = true"):
        (tmp_path / "relay.toml").write_text(f"[privacy]\n{privacy}\n{priced}")
        assert run("check-config", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("command", ["serve", "migrate", "check-config", "forget-held"])
def test_a_configuration_that_is_not_there_is_reported_with_status_2(tmp_path: Path, command: str) -> None:
    done = run(command, "--config", "none.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert "none.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_authors_commands_load_neither_the_server_nor_postgres() -> None:
    script = (
        "import sys\nfrom relay.cli import build_parser\nbuild_parser()\n"
        "print([name for name in ('relay.server', 'relay.config', 'asyncpg', 'aiohttp', 'websockets') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert done.stdout == "[]\n"
