"""What a wrong backbone spec may have meant."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import keras_hub

from bert_tf.backbones.shipped_presets import shipped_names
from bert_tf.backbones.sources.scratch import SIZES


def near_names(spec: str) -> str:
    """The hint of an error message, such as ``Near names: zh_mini.`` after a space; empty if nothing is near.

    Args:
        spec: that no source knows; a path is compared with the directories beside it.
    """
    spec = spec.rstrip(os.sep)
    if os.sep in spec:
        folder = Path(spec).parent
        known = {str(path) for path in folder.iterdir() if path.is_dir()} if folder.is_dir() else set()
    else:
        here = (path.name for path in Path().iterdir() if path.is_dir())
        known = {*keras_hub.models.Backbone.presets, *shipped_names(), *(f"scratch:{size}" for size in SIZES), *here}
    near = difflib.get_close_matches(spec, sorted(known), n=5, cutoff=0.5)
    return f" Near names: {', '.join(near)}." if near else ""
