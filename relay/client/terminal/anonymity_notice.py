"""What a ring signature does not hide, and when an author is told. Keeps no file."""

import argparse
import sys

PAYMENT = "your wallet's provider sees whom you pay, how much, and when"
ANONYMITY_NOTICE = f"""\
what a ring signature does not hide:
  words     your style, your language, your habits, and facts only a few people know
  ring      a ring of people who could not all have written this; a ring only you would put together
  time      when you are awake: the note's time is moved back and rounded, the moment you publish is yours to choose
  network   the relay, and whoever watches your line, sees your address: publish through Tor
  device    the secret key's file, the shell's history, a screen somebody else can see
  links     blsag ties all your notes of one scope together, and whoever has your secret key can prove they are yours
  payment   what you pay a relay with: {PAYMENT}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare --explain and --quiet."""
    # argparse's "version" action is the one that prints a text and exits before anything is required.
    parser.add_argument("--explain", action="version", version=ANONYMITY_NOTICE, help="what still gives an author away")
    parser.add_argument("--quiet", action="store_true", help="do not show that on the terminal before signing")


def print_anonymity_notice(is_quiet: bool) -> None:
    """Show the list to whoever sits at a terminal, each time.

    Once would need a file that remembers it: one that tells whoever finds it that this program was used here.
    """
    if sys.stderr is not None and sys.stderr.isatty() and not is_quiet:
        print(ANONYMITY_NOTICE, file=sys.stderr)
