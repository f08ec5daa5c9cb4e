"""Floor 2: who may get what. Pure functions that give a decision with its reason; no I/O, no clock, no catalog."""
