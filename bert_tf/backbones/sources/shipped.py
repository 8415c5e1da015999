"""Presets that this package carries: ``zh_mini``, a small Chinese BERT (docs/pretraining.md, "The shipped model")."""

from __future__ import annotations

from dataclasses import replace

from bert_tf.backbones.loading import LoadedBackbone, LoadOptions, describe
from bert_tf.backbones.shipped_presets import shipped_preset
from bert_tf.backbones.sources import keras_hub_preset


def accepts(spec: str) -> bool:
    """Whether the spec names a shipped preset."""
    return shipped_preset(spec) is not None


def load(spec: str, options: LoadOptions) -> LoadedBackbone:
    """Loads encoder, tokeniser and masked-token head; the weights lie in float16 and are computed in float32."""
    loaded = keras_hub_preset.load(str(shipped_preset(spec)), options)
    return replace(loaded, source=describe(spec, loaded.backbone))
