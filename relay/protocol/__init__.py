"""Nostr on the wire: events, filters, messages, refusals. Pure, and the lowest room."""
