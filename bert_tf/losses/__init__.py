"""Losses that Keras and TensorFlow do not give one by one for each example."""
