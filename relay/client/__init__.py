"""The author's side: make a ring note, publish it, verify it offline. The server never imports it."""
