"""Floor 3: events against indicators, giving sightings."""
