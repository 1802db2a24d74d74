"""Benchmarks: what the program's claims of speed rest on. Never run by the tests."""
