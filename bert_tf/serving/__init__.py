"""A model server that speaks TF Serving's protocols, and clients of it."""
