"""What this relay accepts and at what price. Pure; knows no database."""
