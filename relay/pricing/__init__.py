"""What a note costs, and how it is paid for."""
