"""Floor 4: a running node. Wires the capabilities together."""
