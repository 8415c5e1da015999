"""Dropout of a loaded encoder, which its config decided when it was built."""

from __future__ import annotations

import keras


def set_dropout(backbone: keras.Model, rate: float) -> None:
    """Sets the rate of every dropout layer; the backbone's config, which is saved, keeps its own."""
    for layer in backbone._flatten_layers():
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = rate
