"""Metrics that the field reports, one file for each family."""
