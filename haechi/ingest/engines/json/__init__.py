"""JSON, one record a line: a scanner driven by the paths that a reader names."""
