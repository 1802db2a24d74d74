"""Benchmarks: the measurements behind the program's claims of speed. The tests never run them."""
