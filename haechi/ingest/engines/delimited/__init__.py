"""Columns between separators: Zeek's TSV, and CSV by a mapping file."""
