"""Backbones: from a spec to an encoder and its tokeniser."""
