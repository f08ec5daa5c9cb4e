"""Floor 5: one file a command; parses, calls, prints."""
