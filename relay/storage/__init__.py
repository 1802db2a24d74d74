"""The tables of notes: one writer, many readers. Knows no socket and no Lightning node."""
