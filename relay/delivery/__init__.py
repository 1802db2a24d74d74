"""Notes on their way to subscribers of this process. Knows no database and no HTTP."""
