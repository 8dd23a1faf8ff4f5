"""The lake on disk, and DuckDB over it."""
