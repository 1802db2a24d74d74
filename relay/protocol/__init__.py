"""Nostr on the wire: events, filters, messages, refusals. Pure functions, and the lowest room."""
