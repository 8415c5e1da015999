"""The names of the poolings: options of the tasks, known without TensorFlow."""

from typing import Literal

Pooling = Literal["cls", "mean", "mean_max", "attention", "last4"]
"""``cls``: BERT's pooled output, in encoders without one the first token. ``mean``: over all tokens. ``mean_max``:
beside the mean the max in each dimension, so that one strong phrase is not lost among many tokens (Howard and Ruder
2018, section 3.3, without the last state). ``attention``: ``AttentionPooling`` of ``pooling.py`` over all tokens.
``last4``: the first token's vectors in the last four layers, side by side (the feature-based approach of Devlin et al.
2018, section 5.3, table 7)."""


WindowPooling = Literal["mean", "max", "attention", "transformer"]
