"""From a message, a ring and a key to a signed note, and back to what it proves. Opens no connection."""
