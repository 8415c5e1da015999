"""One file per shape of the learning rate after the warm-up: ``Options`` and ``decay(progress, options)``."""
