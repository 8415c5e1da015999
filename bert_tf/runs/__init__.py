"""Run directories: their files, the run in them, its evaluation."""
