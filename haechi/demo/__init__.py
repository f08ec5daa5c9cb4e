"""Floor 4: two nodes and a day of attacks. Delete it and nothing else breaks."""
