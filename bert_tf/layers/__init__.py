"""Keras layers that stand between an encoder and a head."""
