"""The built-in Postgres: its life in lifecycle, and what that needs of accounts, files and processes in the others."""

from relay.postgres.embedded.account import EmbeddedError
from relay.postgres.embedded.lifecycle import EmbeddedPostgres

__all__ = ["EmbeddedError", "EmbeddedPostgres"]
