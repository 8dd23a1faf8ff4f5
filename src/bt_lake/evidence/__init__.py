"""Evidence: what was vouched for of a run and its family, and whether it still holds."""
