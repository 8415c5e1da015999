"""Exporting: SavedModels that take strings and give finished answers."""
