"""Floor 3: attack events in. Any log becomes blocks of one schema."""
