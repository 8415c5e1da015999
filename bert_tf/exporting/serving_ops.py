"""Which ops TF Serving 2.20 can run, and which of a SavedModel's it cannot."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

TEXT_OPS = frozenset(
    {
        "CaseFoldUTF8",
        "ConstrainedSequence",
        "FastBertNormalize",
        "FastWordpieceTokenizeWithOffsets",
        "FindSourceOffsets",
        "MaxSpanningTree",
        "NormalizeUTF8",
        "NormalizeUTF8WithOffsetsMap",
        "PhraseTokenize",
        "RegexSplitWithOffsets",
        "RougeL",
        "SentenceFragments",
        "SentenceFragmentsV2",
        "SentencepieceDetokenizeOp",
        "SentencepieceIdToStringOp",
        "SentencepieceOp",
        "SentencepieceStringToIdOp",
        "SentencepieceTokenizeOp",
        "SentencepieceTokenizeWithOffsetsOp",
        "SentencepieceVocabSizeOp",
        "SplitMergeTokenizeWithOffsets",
        "TFText>BoiseTagsToOffsets",
        "TFText>ByteSplitByOffsets",
        "TFText>ByteSplitWithOffsets",
        "TFText>FastSentencepieceDetokenize",
        "TFText>FastSentencepieceTokenize",
        "TFText>FastWordpieceDetokenize",
        "TFText>NgramsStringJoin",
        "TFText>OffsetsToBoiseTags",
        "TFText>PhraseDetokenize",
        "TFText>RoundRobinGenerateMasks",
        "TFText>RoundRobinTrim",
        "TFText>Utf8Binarize",
        "TFText>WhitespaceTokenizeWithOffsetsV2",
        "TokenizerFromLogits",
        "UnicodeScriptTokenizeWithOffsets",
        "WhitespaceTokenizeWithOffsets",
        "WordpieceTokenizeWithOffsets",
    }
)
"""Ops of TF Text 2.20's ``ops_lib`` (tensorflow_text/BUILD), which TF Serving 2.20 links. A test compares this list
with what the installed tensorflow-text registers."""

PYTHON_OPS = frozenset({"EagerPyFunc", "PyFunc", "PyFuncStateless"})
"""Core ops that call back into a Python interpreter, which a model server does not have."""


def ops_of(saved_model: Path) -> set[str]:
    """Names of all ops in a SavedModel: of its graphs and of the functions they call."""
    proto = saved_model_pb2.SavedModel.FromString((saved_model / "saved_model.pb").read_bytes())
    ops: set[str] = set()
    for meta_graph in proto.meta_graphs:
        functions = meta_graph.graph_def.library.function
        names = {function.signature.name for function in functions}
        nodes = [*meta_graph.graph_def.node, *(node for function in functions for node in function.node_def)]
        ops |= {node.op for node in nodes} - names
    return ops


def ops_unknown_to_serving(saved_model: Path) -> set[str]:
    """The ops of a SavedModel that TF Serving 2.20 does not register: an empty set for one that it can serve."""
    core = set(dir(tf.raw_ops)) - PYTHON_OPS
    return ops_of(saved_model) - core - TEXT_OPS
