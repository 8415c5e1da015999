"""Keras layers that heads are built of."""
