"""What this relay accepts, and at what price. Pure functions; knows no database."""
