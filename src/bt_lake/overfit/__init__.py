"""What the best of N trials is worth: the statistics of selection, on numpy alone."""
