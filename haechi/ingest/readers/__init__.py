"""One file a format: a description of its records and what maps them to the event schema."""
