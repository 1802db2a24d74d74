"""`ringrelay sign`: prints one note made of a message, a ring and a secret key. Knows no relay."""

import argparse
import sys

from coincurve import PrivateKey

from relay.client.commands.sign_options import add_note_arguments, read_draft
from relay.client.signing.compose import make_note
from relay.client.terminal import anonymity_notice
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.stdin import read_stdin
from relay.protocol.event import encode_event

MAX_MESSAGE_BYTES = 16 * 2**20

_DESCRIPTION = """\
Print a note, one line of JSON, that one member of a ring has signed. It does not show which one. Its outer signature
is by a throwaway key, which is not kept.

The secret key is read from --key-file (an nsec, an ncryptsec or 64 hex digits), or from the environment variable
RINGRELAY_SECRET_KEY. The passphrase of an ncryptsec (NIP-49) is asked for on the terminal, or read from
RINGRELAY_PASSPHRASE. No option takes the key or the passphrase, as other users of the machine can read arguments.
The message is read from stdin, without its final line end:

  ringrelay sign --ring ring.txt --key-file me.key < note.txt > note.json

With --message it can be an argument instead. Then other users of the machine can read it while the program runs (ps),
and your shell's history keeps it.

A note that names you is refused: your own key in the message, a tag or the scope, in any spelling, or a name of yours. The
names are the one beside your key in the ring file, and those of --me; nothing is looked up. A message, a scope or tags of one
name that name all members alike are not refused, and --force signs the rest. What else names you, only you can see.

An answer is a reaction (kind 7) or a poll response (kind 1018). Relays take one from each member of a ring, and count them.
It must be linkable within its target, where ID is the target's id:

  echo + | ringrelay sign --ring ring.txt --key-file me.key --kind 7 --tag e=ID --scheme blsag --scope 7:ID
  ringrelay sign ... --kind 1018 --tag e=ID --tag response=OPTION --scheme blsag --scope 1018:ID < /dev/null

A target with a tag R, as notes of this program have, takes answers of its own ring only. Sign a note or a poll with --open
if members of any ring may answer; then read the numbers ring by ring. A poll is of kind 1068 (NIP-88):

  echo "Who knew?" | ringrelay sign ... --kind 1068 --tag '["option", "y", "The board"]' --tag '["option", "n", "Nobody"]'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `ringrelay sign`."""
    parser.description = _DESCRIPTION
    parser.epilog = anonymity_notice.ANONYMITY_NOTICE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_note_arguments(parser, is_ring_required=True)
    anonymity_notice.add_arguments(parser)


def run_sign(arguments: argparse.Namespace) -> int:
    """Sign, check what was signed, print it. Raises BadInput."""
    anonymity_notice.print_anonymity_notice(arguments.quiet)
    note = make_note(read_draft(arguments, read_message), PrivateKey())
    sys.stdout.buffer.write(encode_event(note) + b"\n")
    return 0


def read_message() -> str:
    """Return what stdin holds without its final line end. Raises BadInput."""
    raw = read_stdin(MAX_MESSAGE_BYTES, "Write the message", "no relay takes such a long message, shorten it")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise BadInput("the message is not UTF-8 text: notes hold text only") from None
    return text.removesuffix("\r\n") if text.endswith("\r\n") else text.removesuffix("\n")
