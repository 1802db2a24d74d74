"""Postgres as a server: start it, connect, migrate, and keep it from telling when notes came. Knows no table."""
