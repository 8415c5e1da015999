"""Keras parts that tasks are built of: encoders, layers, losses, decoding."""
