"""What a ring signature does not hide, and when an author is shown it. Keeps no file."""

import argparse
import sys

PAYMENT = "your wallet's provider sees whom you pay, how much, and when"
ANONYMITY_NOTICE = f"""\
what a ring signature does not hide:
  words     your style, your language, your habits, and facts that only a few people know
  ring      a ring of people who could not all have written this; a ring that only you would put together
  time      when you are awake: the note's time is moved back and rounded, but you choose when you publish
  network   the relay, and anyone who watches your connection, sees your address: publish through Tor
  device    the secret key's file, the shell's history, a screen that others can see
  links     blsag links all your notes of one scope, and anyone who has your secret key can prove that they are yours
  payment   how you pay a relay: {PAYMENT}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --explain and --quiet."""
    # argparse's "version" action is the one that prints a text and exits before anything is required.
    parser.add_argument(
        "--explain", action="version", version=ANONYMITY_NOTICE, help="print what a ring signature does not hide"
    )
    parser.add_argument("--quiet", action="store_true", help="do not show that on the terminal before signing")


def print_anonymity_notice(is_quiet: bool) -> None:
    """Show the list each time, if stderr is a terminal.

    To show it once would need a file that remembers it, and proves that this program was used here.
    """
    if sys.stderr is not None and sys.stderr.isatty() and not is_quiet:
        print(ANONYMITY_NOTICE, file=sys.stderr)
