"""One file per origin of weights.

Each has ``accepts(spec)`` and ``load(spec, options)``; no two accept one spec. Adding an origin is adding a file.
"""

from bert_tf.plugins import Registry

ORIGINS = Registry("checkpoint origin", "bert_tf.backbones.sources", "--backbone", group="bert_tf.backbone_sources")
