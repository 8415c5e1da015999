"""Data: records in, tf.data out."""
