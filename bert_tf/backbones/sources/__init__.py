"""One file per origin of weights.

Each has ``accepts(spec)`` and ``load(spec, options)``; no two accept one spec. Adding an origin is adding a file.
"""
