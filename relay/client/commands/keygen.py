"""`ringrelay keygen`: makes a key pair. No other command prints a secret key."""

import argparse
import os
import sys
from pathlib import Path

from relay.client.signing import keys
from relay.client.signing.encrypted_key import encrypt_key
from relay.client.terminal.bad_input import BadInput
from relay.client.terminal.passphrase import ask_new_passphrase
from relay.protocol import nip19

_DESCRIPTION = """\
Make a new Nostr key pair.

With --out FILE the secret key (nsec) is written to a new file that only you may read, and the public key (npub) to
stdout. So `ringrelay keygen --out me.key >> ring.txt` adds you to a ring file.
Without --out the nsec goes to stdout and the npub to stderr.

With --encrypt the secret key is written under a passphrase (ncryptsec, NIP-49), which is asked for on the terminal, or
read from the environment variable RINGRELAY_PASSPHRASE. `ringrelay sign` asks for it again. Nobody can restore a lost one.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `ringrelay keygen`."""
    parser.description = _DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--encrypt", action="store_true", help="write the secret key under a passphrase (NIP-49)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the secret key to this new file, mode 0600")


def run_keygen(arguments: argparse.Namespace) -> int:
    """Make a key pair and write both keys out. Raises BadInput."""
    passphrase = _read_passphrase() if arguments.encrypt else None
    secret = keys.make_secret_key()
    npub = nip19.encode_npub(keys.to_public_key(secret))
    written = nip19.encode_nsec(secret) if passphrase is None else encrypt_key(secret, passphrase)
    if arguments.out is None:
        print(written, flush=True)
        print(npub, file=sys.stderr)
    else:
        _write_secret(arguments.out, written)
        print(npub)
    return 0


def _read_passphrase() -> str:
    return os.environ.get(keys.PASSPHRASE_VARIABLE) or ask_new_passphrase(keys.PASSPHRASE_VARIABLE)


def _write_secret(path: Path, written: str) -> None:
    try:
        # O_EXCL: an overwritten key would be lost, and a link that someone else put there is not followed.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(written + "\n")
            file.flush()
            os.fsync(descriptor)
    except FileExistsError:
        raise BadInput(f"{path} exists and is left as it is: choose another name") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot write it ({error.strerror}): choose another place") from None
