"""What a request asks for and what an answer says: heads, Accept, headers (RFC 9110, RFC 9112). Knows no socket and no page."""
