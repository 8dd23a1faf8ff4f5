"""Example strategies in numpy, for `bt-lake run` and `bt-lake demo`."""
