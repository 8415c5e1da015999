"""Encoders: token IDs to one vector for each token."""
