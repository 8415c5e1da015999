"""KerasHub's BERT with the activation and the LayerNorm epsilon that the checkpoint was trained with."""

from __future__ import annotations

from typing import Any

import keras
import keras_hub

from bert_tf.modeling.encoders.layer_outputs import layer_outputs
from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer

ACTIVATIONS = {
    "gelu": lambda x: keras.activations.gelu(x, approximate=False),
    "gelu_new": lambda x: keras.activations.gelu(x, approximate=True),
    "gelu_pytorch_tanh": lambda x: keras.activations.gelu(x, approximate=True),
    "relu": keras.activations.relu,
    "silu": keras.activations.silu,
}
"""Names as in Hugging Face's ``hidden_act``."""


@keras.saving.register_keras_serializable(package="bert_tf")
class BertEncoder(keras_hub.models.BertBackbone):
    """A ``BertBackbone`` whose feed-forward activation and LayerNorm epsilon can be chosen.

    KerasHub's uses the tanh approximation of GELU, Hugging Face's checkpoints are trained with the exact one: on six
    layers the outputs then differ by up to 1e-3. Everything else is KerasHub's.

    Args:
        hidden_act: one of ``ACTIVATIONS``.
        layer_norm_epsilon: added to the variance in every LayerNorm.
        **kwargs: as of ``keras_hub.models.BertBackbone``.
    """

    def __init__(self, *args: Any, hidden_act: str = "gelu", layer_norm_epsilon: float = 1e-12, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.embeddings_layer_norm.epsilon = layer_norm_epsilon
        for layer in self.transformer_layers:
            layer._feedforward_intermediate_dense.activation = ACTIVATIONS[hidden_act]
            layer._self_attention_layer_norm.epsilon = layer_norm_epsilon
            layer._feedforward_layer_norm.epsilon = layer_norm_epsilon
        self.hidden_act = hidden_act
        self.layer_norm_epsilon = layer_norm_epsilon

    def call(
        self,
        inputs: Any,
        training: bool | None = None,
        mask: Any = None,
        return_attention_scores: bool = False,
        return_hidden_states: bool = False,
    ) -> dict[str, Any]:
        """``sequence_output`` ``(batch, seq_len, dim)`` and ``pooled_output`` ``(batch, dim)``.

        Args:
            inputs: ``token_ids``, ``segment_ids`` and ``padding_mask``, ``(batch, seq_len)`` int32.
            training: whether dropout is on.
            mask: Keras's; unused.
            return_attention_scores: give ``attention_scores`` too, see
                :class:`bert_tf.modeling.encoders.layer_outputs.LayerOutputs`.
            return_hidden_states: give ``hidden_states`` too.
        """
        if not (return_attention_scores or return_hidden_states):
            return super().call(inputs, training=training, mask=mask)
        states, scores = layer_outputs(self, inputs, training=bool(training))
        outputs: dict[str, Any] = {"sequence_output": states[-1], "pooled_output": self.pooled_dense(states[-1][:, 0])}
        if return_attention_scores:
            outputs["attention_scores"] = scores
        if return_hidden_states:
            outputs["hidden_states"] = states
        return outputs

    def get_config(self) -> dict[str, Any]:
        own = {"hidden_act": self.hidden_act, "layer_norm_epsilon": self.layer_norm_epsilon}
        return {**super().get_config(), **own}


# KerasHub finds a preset's tokeniser by the class of its backbone.
ExactBertTokenizer.backbone_cls = BertEncoder
