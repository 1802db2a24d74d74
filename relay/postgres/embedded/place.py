"""Where the built-in Postgres keeps its files if nobody said where: a place that its user can reach. Knows no server."""

import os
from pathlib import Path

from relay.postgres.embedded.account import SYSTEM_USER, EmbeddedError, find_account

# For system services' data (FHS 3.0, 5.8). It is there in every container, and outlives a restart.
ELSEWHERE = Path("/var/lib/ringrelay")


def make_reachable(directory: Path, elsewhere: Path) -> None:
    """Make a new `directory` a link to `elsewhere`, if the relay runs as root and its system user could not reach it there.

    A link, so that the next start finds the same place, also when the directory has become reachable meanwhile. What is in
    `directory` already is never left behind for an empty database: it stays, and the start of Postgres says what to do.

    Raises EmbeddedError if there can be no link, or no system user.
    """
    if os.geteuid() != 0:
        return
    # As far as it exists. What is made below is passable.
    real = Path(os.path.realpath(directory))
    existing = next(path for path in (real, *real.parents) if path.exists())
    if find_account().can_access("-x", existing):
        return
    try:
        if directory.is_dir() and not directory.is_symlink():
            directory.rmdir()
        directory.symlink_to(elsewhere)
    except OSError as error:
        if not os.path.lexists(directory):
            raise EmbeddedError(
                f"the relay cannot make {directory.absolute()} a link to {elsewhere}, where the user {SYSTEM_USER} could reach "
                f"its data ({error.strerror}). Set a directory for the data: RELAY_DATA_DIR={elsewhere}."
            ) from error
