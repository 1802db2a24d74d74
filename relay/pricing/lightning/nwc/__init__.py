"""A wallet over Nostr Wallet Connect (NIP-47). Loaded only where `lightning.backend` is "nwc": it signs requests to the wallet."""
