"""Running a user's own function: once, over a grid, or again."""
