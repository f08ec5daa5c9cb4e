"""Floor 2: indicator formats, bytes to model. No I/O, no policy."""
