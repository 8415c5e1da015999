"""Formats that a run is exported to, one file for each."""
