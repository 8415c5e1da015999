"""What a model has learnt and where it fails."""
