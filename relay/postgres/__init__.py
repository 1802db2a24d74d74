"""Postgres as a server: start, connect, migrate, and keep arrival times out of its logs. Knows no table."""
