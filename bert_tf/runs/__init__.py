"""A run directory, opened: what it answers, how good it is, what it exports."""
