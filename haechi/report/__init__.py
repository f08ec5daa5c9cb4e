"""Floor 2: renders findings and tables; the message catalogue."""
