"""One file per optimiser: ``Options``, whose fields are constructor arguments, and ``optimizer()``, a Keras class."""
