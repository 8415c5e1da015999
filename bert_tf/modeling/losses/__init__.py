"""Losses of each example."""
