"""The tables of money: invoices, unpaid notes, unapplied payments. Below the writer of notes."""
