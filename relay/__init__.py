"""A self-hosted Nostr relay for ring-signed notes."""
