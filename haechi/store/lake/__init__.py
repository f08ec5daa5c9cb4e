"""The event lake: one Delta table of events, sightings and quarantined records, partitioned by kind and day."""

from haechi.store.lake.table import Lake, Staged

__all__ = ["Lake", "Staged"]
