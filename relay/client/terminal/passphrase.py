"""A passphrase that a person types unseen, on the terminal itself: stdin holds the message. Knows no key."""

import os
import warnings

from relay.client.terminal.bad_input import BadInput


def ask_passphrase(prompt: str, variable: str) -> str:
    """Return what is typed on the terminal of this process. Raises BadInput, which names the variable, where it has none."""
    # Imported here: most keys have no passphrase.
    import getpass

    missing = BadInput(f"there is no terminal to ask for the passphrase on: set {variable}")
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        raise missing from None
    with warnings.catch_warnings():
        # Rather no passphrase than one that the screen shows.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(f"{prompt}: ")
        except UnicodeDecodeError:
            raise BadInput("the passphrase is not text in the terminal's encoding: type it again") from None
        except (EOFError, getpass.GetPassWarning):
            raise missing from None


def ask_new_passphrase(variable: str) -> str:
    """Return a passphrase that was typed twice alike. Raises BadInput."""
    typed = ask_passphrase("A passphrase for the new key", variable)
    if not typed:
        raise BadInput("the passphrase is empty: type one, or leave --encrypt out")
    if ask_passphrase("The same once more", variable) != typed:
        raise BadInput("these are two passphrases: nothing was written, begin again")
    return typed
