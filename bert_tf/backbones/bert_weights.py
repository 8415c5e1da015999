"""The weights of a BERT by name: what checkpoints of every origin are read into, and written from.

The names are Hugging Face's, the arrays are as Keras holds them: a dense kernel is ``(inputs, outputs)``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import keras_hub
import numpy as np

from bert_tf.errors import UserError

logger = logging.getLogger("bert_tf")

MASKED_TOKEN_HEAD = (
    "cls.predictions.transform.dense.weight",
    "cls.predictions.transform.dense.bias",
    "cls.predictions.transform.LayerNorm.weight",
    "cls.predictions.transform.LayerNorm.bias",
    "cls.predictions.bias",
)
PAIR_HEAD = ("cls.seq_relationship.weight", "cls.seq_relationship.bias")


@dataclass(frozen=True)
class NamedVariable:
    """One weight.

    Attributes:
        variable: the Keras variable.
        name: Hugging Face's name.
        is_kernel: a dense kernel, which PyTorch holds as ``(outputs, inputs)``.
    """

    variable: Any
    name: str
    is_kernel: bool = False


def dense(layer: Any, name: str) -> list[NamedVariable]:
    """Kernel and bias of a dense layer."""
    return [NamedVariable(layer.kernel, f"{name}.weight", True), NamedVariable(layer.bias, f"{name}.bias")]


def layer_norm(layer: Any, name: str) -> list[NamedVariable]:
    """Scale and shift of a LayerNorm."""
    return [NamedVariable(layer.gamma, f"{name}.weight"), NamedVariable(layer.beta, f"{name}.bias")]


def encoder_variables(backbone: keras_hub.models.BertBackbone) -> list[NamedVariable]:
    """Every weight of an encoder."""
    variables = [
        NamedVariable(backbone.token_embedding.embeddings, "embeddings.word_embeddings.weight"),
        NamedVariable(backbone.position_embedding.position_embeddings, "embeddings.position_embeddings.weight"),
        NamedVariable(backbone.segment_embedding.embeddings, "embeddings.token_type_embeddings.weight"),
        *layer_norm(backbone.embeddings_layer_norm, "embeddings.LayerNorm"),
    ]
    for number, layer in enumerate(backbone.transformer_layers):
        prefix = f"encoder.layer.{number}"
        attention = layer._self_attention_layer
        variables += [
            *dense(attention.query_dense, f"{prefix}.attention.self.query"),
            *dense(attention.key_dense, f"{prefix}.attention.self.key"),
            *dense(attention.value_dense, f"{prefix}.attention.self.value"),
            *dense(attention.output_dense, f"{prefix}.attention.output.dense"),
            *layer_norm(layer._self_attention_layer_norm, f"{prefix}.attention.output.LayerNorm"),
            *dense(layer._feedforward_intermediate_dense, f"{prefix}.intermediate.dense"),
            *dense(layer._feedforward_output_dense, f"{prefix}.output.dense"),
            *layer_norm(layer._feedforward_layer_norm, f"{prefix}.output.LayerNorm"),
        ]
    return [*variables, *dense(backbone.pooled_dense, "pooler.dense")]


def copy_encoder(
    backbone: keras_hub.models.BertBackbone,
    weights: Mapping[str, np.ndarray],
    where: str,
    *,
    name_of: Callable[[str], str] = str,
    torch_kernels: bool = False,
    config: str,
) -> None:
    """Copies a checkpoint's weights into an encoder; a missing pooler stays random.

    Args:
        backbone: the encoder, of the shape that the config says.
        weights: the checkpoint, by the names of its origin.
        where: the directory, for messages.
        name_of: Hugging Face's name to the origin's.
        torch_kernels: whether dense kernels are ``(outputs, inputs)``.
        config: the file that gave the shape, for messages.

    Raises:
        UserError: a weight is missing or has another shape.
    """
    pooler = name_of("pooler.dense.weight")
    if pooler not in weights:
        logger.warning("%s has no pooler: its weights start random", where)
    for each in encoder_variables(backbone):
        name = name_of(each.name)
        if name not in weights:
            if pooler not in weights and each.name.startswith("pooler."):
                continue
            raise UserError(f"--backbone {where}: the weight {name} is missing.")
        assign(each, weights[name], f"--backbone {where}: {name}", torch_kernels=torch_kernels, config=config)
    beyond = name_of(f"encoder.layer.{backbone.num_layers}.output.dense.bias")
    if beyond in weights:
        logger.warning("%s holds more layers than %s says (%d): they are left out", where, config, backbone.num_layers)


def assign(
    each: NamedVariable, value: np.ndarray, what: str, *, torch_kernels: bool = False, config: str = "the encoder"
) -> None:
    """Gives a variable its value; attention heads are split off as Keras holds them.

    Raises:
        UserError: the shapes do not fit.
    """
    array = value.T if each.is_kernel and torch_kernels else value
    if array.size != np.prod(each.variable.shape):
        raise UserError(f"{what} has shape {value.shape}, which {config} contradicts.")
    each.variable.assign(array.reshape(each.variable.shape))


def find_heads(
    weights: Mapping[str, np.ndarray], *, name_of: Callable[[str], str] = str, torch_kernels: bool = False
) -> dict[str, np.ndarray]:
    """The pre-training heads of a checkpoint by Hugging Face's names; one that is not whole is left out.

    Args:
        weights: the checkpoint, by the names of its origin.
        name_of: Hugging Face's name to the origin's.
        torch_kernels: whether dense kernels are ``(outputs, inputs)``.
    """
    heads = {}
    for head in (MASKED_TOKEN_HEAD, PAIR_HEAD):
        if all(name_of(name) in weights for name in head):
            for name in head:
                value = weights[name_of(name)]
                heads[name] = value.T if torch_kernels and value.ndim == 2 else value
    return heads


def torch_tensors(variables: Iterable[NamedVariable]) -> dict[str, np.ndarray]:
    """The weights as PyTorch holds them: matrices of two dimensions, dense kernels ``(outputs, inputs)``."""
    tensors = {}
    for each in variables:
        value = np.asarray(each.variable, np.float32)
        if each.is_kernel and each.name.endswith("attention.output.dense.weight"):
            value = value.reshape(-1, value.shape[-1]).T  # (heads, size, hidden)
        elif each.is_kernel:
            value = value.reshape(value.shape[0], -1).T  # (hidden, heads, size) or (inputs, outputs)
        elif each.name.endswith(".bias"):
            value = value.reshape(-1)
        tensors[each.name] = np.ascontiguousarray(value)
    return tensors
