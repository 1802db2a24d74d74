"""The built-in Postgres: `lifecycle` runs it, the other modules know accounts, places, files and processes."""

from relay.postgres.embedded.account import EmbeddedError, InUseError
from relay.postgres.embedded.lifecycle import EmbeddedPostgres
from relay.postgres.embedded.place import ELSEWHERE, make_reachable

__all__ = ["ELSEWHERE", "EmbeddedError", "EmbeddedPostgres", "InUseError", "make_reachable"]
