"""The built-in Postgres: `lifecycle` runs it, the other modules know accounts, files and processes."""

from relay.postgres.embedded.account import EmbeddedError
from relay.postgres.embedded.lifecycle import EmbeddedPostgres

__all__ = ["EmbeddedError", "EmbeddedPostgres"]
