"""Training: strategies, optimiser, the loop, checkpoints, the run directory."""
