"""Floor 2: what is kept. The catalog (SQL), the lake (event files), the audit log."""
