"""What becomes of a token: its keys, what it grants now, and what ends it."""
