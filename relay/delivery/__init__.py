"""Delivery of notes to the subscribers of this process. Knows no database and no HTTP."""
