"""The built-in Postgres: its life in lifecycle, and what that needs of accounts, files and processes in the others."""

from relay.embedded.account import EmbeddedError
from relay.embedded.lifecycle import EmbeddedPostgres

__all__ = ["EmbeddedError", "EmbeddedPostgres"]
