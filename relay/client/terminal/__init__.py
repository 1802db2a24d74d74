"""What an author reads and types: notices, columns, QR codes, stdin."""
