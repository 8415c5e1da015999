"""The pre-training model: masked tokens, and whether two segments belong together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import keras
import numpy as np
import tensorflow as tf
from pydantic import BaseModel

from bert_tf.backbones.bert_weights import MASKED_TOKEN_HEAD, PAIR_HEAD, NamedVariable, assign, dense
from bert_tf.backbones.masked_token_head import build_masked_token_head, masked_token_head_variables
from bert_tf.pretraining.examples import NO_PAIR
from bert_tf.pretraining.masking import NO_TARGET
from bert_tf.tasks.task import TextTask


@keras.saving.register_keras_serializable(package="bert_tf")
class BertPretrainer(TextTask):
    """A backbone with a masked-token head and, if wanted, a head for pairs (Devlin et al. 2018, section 3.1).

    The masked-token head is a dense layer, LayerNorm, and the token embedding read backwards, plus a bias. The pair
    head is a dense layer on the pooled output with two logits: in order, broken.

    Inputs are those of the backbone and ``mask_positions`` ``(batch, masked)`` int32. Outputs are ``tokens``
    ``(batch, masked, vocabulary)`` and, with a pair head, ``pair`` ``(batch, 2)``, logits both.

    Args:
        backbone: a KerasHub BERT.
        preprocessor: of the backbone, saved with it; not used here.
        pair: whether there is a pair head.
    """

    Options = BaseModel
    monitor: ClassVar[str] = "mlm_loss"
    mode: ClassVar[Literal["min", "max"]] = "min"
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"loss", "perplexity", "pair_loss"})

    def __init__(
        self,
        backbone: keras.Model,
        preprocessor: keras.layers.Layer | None,
        pair: bool = True,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        # === Layers ===
        self.backbone = backbone
        self.preprocessor = preprocessor
        dtype = dtype or backbone.dtype_policy
        self.masked_token_head = build_masked_token_head(backbone, dtype)
        initializer = keras.initializers.TruncatedNormal(stddev=0.02)
        self.pair_head = keras.layers.Dense(2, kernel_initializer=initializer, dtype=dtype, name="pair_head")

        # === Functional Model ===
        inputs = {**backbone.input, "mask_positions": keras.Input((None,), dtype="int32", name="mask_positions")}
        features = backbone(backbone.input)
        outputs = {"tokens": self.masked_token_head(features["sequence_output"], inputs["mask_positions"])}
        if pair:
            outputs["pair"] = self.pair_head(features["pooled_output"])
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        # === Config ===
        self.pair = pair

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "pair": self.pair}

    def head_variables(self) -> list[NamedVariable]:
        """The weights of the heads under Hugging Face's names."""
        variables = masked_token_head_variables(self.masked_token_head)
        return [*variables, *(dense(self.pair_head, "cls.seq_relationship") if self.pair else [])]

    def load_heads(self, weights: Mapping[str, np.ndarray]) -> str:
        """Takes over the heads of a checkpoint; what it lacks stays random.

        Args:
            weights: ``LoadedBackbone.pretraining_heads``.

        Returns:
            What was loaded and what starts random, for the log.

        Raises:
            UserError: a shape does not fit the encoder.
        """
        for each in self.head_variables():
            if each.name in weights:
                assign(each, weights[each.name], each.name)
        heads = {"masked tokens": MASKED_TOKEN_HEAD, **({"pairs": PAIR_HEAD} if self.pair else {})}
        found = {name: all(weight in weights for weight in head) for name, head in heads.items()}
        return ", ".join(f"{name} {'loaded' if known else 'random'}" for name, known in found.items())

    def loss_per_example(self, targets: Any, outputs: dict[str, tf.Tensor]) -> tf.Tensor:
        """Mean cross-entropy of an example's masked tokens, plus that of its pair, ``(batch,)`` float32.

        Args:
            targets: ``(batch, masked + 1)`` int32, see ``PretrainingBatches.epoch``.
            outputs: of the model.
        """
        tokens, token_mask, label, label_mask = _parts(targets)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(tokens, tf.cast(outputs["tokens"], tf.float32))
        total = tf.reduce_sum(loss * token_mask, -1) / tf.maximum(tf.reduce_sum(token_mask, -1), 1.0)
        if self.pair:
            total += label_mask * _pair_loss(label, outputs["pair"])
        return total

    def score(self, targets: tf.Tensor, weights: tf.Tensor, outputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Sums over a batch, from which the metrics of many batches follow."""
        tokens, token_mask, label, label_mask = _parts(targets)
        token_mask *= weights[:, None]
        logits = tf.cast(outputs["tokens"], tf.float32)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(tokens, logits)
        hit = tf.cast(tf.argmax(logits, -1, tf.int32) == tokens, tf.float32)
        sums = {
            "tokens": tf.reduce_sum(token_mask),
            "token_loss": tf.reduce_sum(loss * token_mask),
            "token_hits": tf.reduce_sum(hit * token_mask),
        }
        if self.pair:
            label_mask *= weights
            pair_hit = tf.cast(tf.argmax(outputs["pair"], -1, tf.int32) == label, tf.float32)
            sums["pairs"] = tf.reduce_sum(label_mask)
            sums["pair_loss"] = tf.reduce_sum(label_mask * _pair_loss(label, outputs["pair"]))
            sums["pair_hits"] = tf.reduce_sum(label_mask * pair_hit)
        return sums

    @staticmethod
    def metrics_of(sums: dict[str, float]) -> dict[str, float]:
        """``mlm_loss`` (nats per masked token), ``perplexity``, ``mlm_accuracy``, ``pair_loss``, ``pair_accuracy``."""
        count = max(sums["tokens"], 1.0)
        metrics = {
            "mlm_loss": sums["token_loss"] / count,
            "perplexity": float(np.exp(min(sums["token_loss"] / count, 50.0))),
            "mlm_accuracy": sums["token_hits"] / count,
            "masked_tokens": int(sums["tokens"]),
        }
        if sums.get("pairs"):
            metrics["pair_loss"] = sums["pair_loss"] / sums["pairs"]
            metrics["pair_accuracy"] = sums["pair_hits"] / sums["pairs"]
        return metrics


def _parts(targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Token ids and pair label, each with its mask; what is masked away becomes 0."""
    tokens, label = targets[:, :-1], targets[:, -1]
    token_mask, label_mask = tokens != NO_TARGET, label != NO_PAIR
    return (
        tf.where(token_mask, tokens, 0),
        tf.cast(token_mask, tf.float32),
        tf.where(label_mask, label, 0),
        tf.cast(label_mask, tf.float32),
    )


def _pair_loss(label: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(label, tf.cast(logits, tf.float32))
