"""The command line `ringrelay`: its subcommands, and how their failures end. Knows nothing of what they do.

Exit status: 0 done; 1 the answer is no, or it could not be written; 2 wrong usage or configuration; 130 interrupted;
141 the reader of the output is gone.
"""

import argparse
import io
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from relay.bookkeeping import options
from relay.client.commands import evidence, keygen, publish, ring, sign, subscribe, verify
from relay.client.signing import keys
from relay.client.terminal.bad_input import BadInput
from relay.no_dumps import forbid_dumps
from relay.pages.sign_file import find_sign_file

# The server is imported where it is used: the author's commands start fast and need no Postgres.
if TYPE_CHECKING:
    from relay.config import Config

    Commands: TypeAlias = argparse._SubParsersAction["Parser"]

DEFAULT_CONFIG = Path("relay.toml")
# A requirement of the extra, as an installed package states it: aiohttp<4,>=3.12; extra == 'server'.
_SERVER_REQUIREMENT = re.compile(r"""([A-Za-z0-9._-]+)[^;]*;.*\bextra == ["']server["']""")

RunCommand: TypeAlias = Callable[[argparse.Namespace], int]


class Parser(argparse.ArgumentParser):
    """A parser whose errors repeat nothing that could be a secret key.

    `reads` describes what a command takes from stdin. It is part of every error, as a common one is to name a file.
    """

    reads: str | None = None

    def parse_known_args(self, args: Iterable[str] | None = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """Parse, and refuse what is left over with this command's usage, not with the whole program's."""
        parsed, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return parsed, rest

    def error(self, message: str) -> NoReturn:
        hint = f"\n{self.reads}" if self.reads else ""
        super().error(keys.hide_keys(message) + hint)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; argparse itself exits on --help and on wrong usage."""
    forbid_dumps()
    try:
        try:
            return _run_command(argv)
        finally:
            # Flushed here, after --help too: at exit Python could only complain about a full disk.
            if sys.stdout is not None:  # closed from the start, as some supervisors do
                sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _discard_output()
        return 141
    except OSError as error:
        _discard_output()
        print(f"ringrelay: cannot read or write: {error.strerror or type(error).__name__}", file=sys.stderr)
        return 1


def _run_command(argv: Sequence[str] | None) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A relay may send letters that the terminal cannot show: that must not end the program.
        sys.stdout.reconfigure(errors="backslashreplace")
    if sys.stdin is None:  # closed from the start: then it holds nothing
        sys.stdin = io.TextIOWrapper(io.BytesIO())
    arguments = build_parser().parse_args(argv)
    try:
        status: int = arguments.run_command(arguments)
        return status
    except BadInput as error:
        # The text names the file that was given, which may have been the key itself.
        print(f"ringrelay {arguments.command}: {keys.hide_keys(str(error))}", file=sys.stderr)
        return 2


def _discard_output() -> None:
    # Python flushes stdout again at exit. Into /dev/null it does so without complaint.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = Parser(
        prog="ringrelay",
        description="A self-hosted Nostr relay for ring-signed notes, and its tools.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=_describe_version())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    _add_serve(commands)
    _add_migrate(commands)
    _add_check_config(commands)
    _add_forget_held(commands)
    _add_payments(commands)
    _add_keygen(commands)
    _add_ring(commands)
    _add_sign(commands)
    _add_publish(commands)
    _add_subscribe(commands)
    _add_verify(commands)
    _add_evidence(commands)
    return parser


def _add_serve(commands: "Commands") -> None:
    parser = _add_command(commands, "serve", "run the relay until it is told to stop", _run_serve)
    parser.description = (
        "Run the relay until SIGINT or SIGTERM. On SIGHUP the tiers are read again from the configuration."
    )
    _add_config_option(parser)


def _add_migrate(commands: "Commands") -> None:
    parser = _add_command(commands, "migrate", "bring the database's tables up to date", _run_migrate)
    parser.description = "Apply the migrations the database lacks, and print their names. `serve` does so too."
    _add_config_option(parser)


def _add_check_config(commands: "Commands") -> None:
    parser = _add_command(
        commands, "check-config", "check the configuration and print what is in force", _run_check_config
    )
    parser.description = (
        "Check the configuration file and the RELAY_* environment over it, and print what is in force, secrets hidden. "
        "With --ask the status is 1 where the Lightning node fails."
    )
    _add_config_option(parser)
    printed = parser.add_mutually_exclusive_group()
    printed.add_argument("--print-default", action="store_true", help="print a commented relay.toml and check nothing")
    printed.add_argument(
        "--print-disclosure",
        action="store_true",
        help="print the relay.toml of a relay for disclosures, which hides when somebody posted, and check nothing",
    )
    printed.add_argument(
        "--ask",
        action="store_true",
        help="make, look up and cancel one invoice at the Lightning node, and say what worked",
    )


def _add_payments(commands: "Commands") -> None:
    parser = _add_command(commands, "payments", "show and correct the books of payments", _run_payments)
    options.add_arguments(parser)
    _add_config_option(parser)


def _add_forget_held(commands: "Commands") -> None:
    parser = _add_command(commands, "forget-held", "give up notes that wait under a key that is lost", _run_forget_held)
    parser.description = (
        "Count the notes that wait for a batch under a key that is not on this machine, because the key is gone or lies on "
        "another machine. With --yes, delete them, and have new ring notes taken here under a new key; some of them may have "
        "been paid for. A relay that runs need not be restarted."
    )
    _add_config_option(parser)
    parser.add_argument("--yes", action="store_true", help="delete them: nobody can read them without that key")


def _add_keygen(commands: "Commands") -> None:
    keygen.add_arguments(_add_command(commands, "keygen", "make a new key pair", keygen.run_keygen))


def _add_ring(commands: "Commands") -> None:
    ring.add_arguments(_add_command(commands, "ring", "make a ring file from keys, domains and lists", ring.run_ring))


def _add_sign(commands: "Commands") -> None:
    parser = _add_command(commands, "sign", "make a note signed by one of a ring", sign.run_sign)
    parser.reads = "The message is read from stdin: ringrelay sign --ring ring.txt --key-file me.key < note.txt"
    sign.add_arguments(parser)


def _add_publish(commands: "Commands") -> None:
    parser = _add_command(commands, "publish", "send events to a relay", publish.run_publish)
    parser.reads = publish.READS
    publish.add_arguments(parser)


def _add_subscribe(commands: "Commands") -> None:
    parser = _add_command(commands, "subscribe", "print a relay's notes, each verified here", subscribe.run_subscribe)
    subscribe.add_arguments(parser)


def _add_verify(commands: "Commands") -> None:
    parser = _add_command(commands, "verify", "check a ring-signed note or a ring signature", verify.run_verify)
    parser.reads = "The note is read from stdin: ringrelay verify < note.json"
    verify.add_arguments(parser)


def _add_evidence(commands: "Commands") -> None:
    parser = _add_command(commands, "evidence", "write a note and its verifier into one file", evidence.run_evidence)
    evidence.add_arguments(parser)


def _add_command(commands: "Commands", name: str, summary: str, run_command: RunCommand) -> Parser:
    # No abbreviations: an option added later must not change what somebody's script means.
    parser = commands.add_parser(name, help=summary, allow_abbrev=False)
    parser.set_defaults(run_command=run_command)
    return parser


def _add_config_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="the configuration (default: ./relay.toml, if there is one)"
    )


def _describe_version() -> str:
    """Return the version, and the hash of the file that signs, for people to compare with what a relay offers."""
    file = find_sign_file()
    # argparse breaks lines where it likes, and leaves a hash whole.
    return f"ringrelay {_find_version()}" + ("" if file is None else f", {file.name} sha256:{file.sha256}")


def _find_version() -> str:
    try:
        return version("ringrelay")
    except PackageNotFoundError:
        return "(not installed: run `make install`)"


def _check_server_is_installed() -> None:
    """Raise BadInput where the packages of a relay are missing, as they are after `pip install ringrelay`."""
    try:
        for requirement in map(_SERVER_REQUIREMENT.match, requires("ringrelay") or ()):
            if requirement:
                version(requirement[1])
    except PackageNotFoundError:
        raise BadInput("this needs the relay's packages; install them with: pip install 'ringrelay[server]'") from None


def _load_config(path: Path | None) -> "Config":
    from relay import config

    if path is None and DEFAULT_CONFIG.exists():
        path = DEFAULT_CONFIG
    try:
        return config.load_config(path)
    except config.ConfigError as error:
        raise BadInput(str(error)) from None


def _read_shipped_config(name: str) -> str:
    from relay import config

    try:
        return config.read_shipped_file(name)
    except config.ConfigError as error:
        raise BadInput(str(error)) from None


def _run_serve(arguments: argparse.Namespace) -> int:
    _check_server_is_installed()
    loaded = _load_config(arguments.config)
    from relay import serve

    # An absolute path, as the file is read again on SIGHUP.
    path = arguments.config or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)
    return serve.run_relay(loaded, None if path is None else path.absolute())


def _run_migrate(arguments: argparse.Namespace) -> int:
    _check_server_is_installed()
    loaded = _load_config(arguments.config)
    from relay import serve

    try:
        names = serve.run_migrations(loaded)
    except serve.START_ERRORS as error:
        print(f"ringrelay migrate: {error}", file=sys.stderr)
        return 1
    print("\n".join(names) if names else "nothing to do: the tables are up to date")
    return 0


def _run_payments(arguments: argparse.Namespace) -> int:
    _check_server_is_installed()
    loaded = _load_config(arguments.config)
    from relay.bookkeeping import command

    try:
        return command.run_payments(loaded, arguments)
    except command.WrongUseError as error:
        raise BadInput(str(error)) from None


def _run_forget_held(arguments: argparse.Namespace) -> int:
    _check_server_is_installed()
    loaded = _load_config(arguments.config)
    from relay import serve
    from relay.waiting import describe_lost

    try:
        count = serve.run_forget_held(loaded, is_meant=arguments.yes)
    except serve.START_ERRORS as error:
        print(f"ringrelay forget-held: {error}", file=sys.stderr)
        return 1
    if count is None:
        print("nothing to do: every key is on this machine")
        return 0
    if not arguments.yes:
        print(describe_lost(count), file=sys.stderr)
        return 1
    print(f"{count} notes are given up; new ring notes are taken here under a new key")
    return 0


def _run_check_config(arguments: argparse.Namespace) -> int:
    _check_server_is_installed()
    from relay import config

    if arguments.print_default or arguments.print_disclosure:
        print(_read_shipped_config("disclosure.toml" if arguments.print_disclosure else "relay.toml"), end="")
        return 0
    loaded = _load_config(arguments.config)
    from relay.pricing import lightning
    from relay.pricing.settings import LightningConfigError

    try:
        lightning.check_files(loaded.lightning)
    except LightningConfigError as error:
        raise BadInput(f"[lightning] {error}") from None
    if arguments.ask and loaded.lightning.backend == "none":
        raise BadInput("--ask needs a Lightning node: set lightning.backend")
    print("ok")
    print(config.describe_config(loaded))
    return _ask_node(loaded) if arguments.ask else 0


def _ask_node(loaded: "Config") -> int:
    """Ask for an invoice over the highest price, which is the hardest for a node to receive; return the exit status."""
    import asyncio

    from relay.pricing.ask_node import ask_node

    amount_sat = max(1, *(tier.price_sat for tier in loaded.tiers))
    did_all = asyncio.run(
        ask_node(loaded.lightning, amount_sat, loaded.invoices.expiry_s, lambda text: print(text, flush=True))
    )
    return 0 if did_all else 1
