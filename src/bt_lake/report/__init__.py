"""What a reader of a run, of several, or of a family looks at, as one file."""
