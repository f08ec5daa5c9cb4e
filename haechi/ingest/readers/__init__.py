"""One file a format: a description and what maps it to the event schema."""
