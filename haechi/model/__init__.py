"""Floor 1: the vocabulary. Plain data types, the Arrow schema, the order of markings; no I/O."""
