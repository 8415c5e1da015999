"""Writes ``tiny_model_garden_bert/`` and ``model_garden_reference.json`` with tf-models-official.

    python -m tests.backbones.sources.make_model_garden_reference

The only part of the tests that needs ``tf-models-official`` (pip install "bert-tf[garden]"): what it writes is stored.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from official.modeling import hyperparams, tf_utils
from official.nlp.configs import bert, encoders
from official.nlp.modeling import layers, models

FOLDER = Path(__file__).parent
TINY = FOLDER / "tiny_model_garden_bert"
REFERENCE = FOLDER / "model_garden_reference.json"
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh", *(f"##{c}" for c in "abcdefgh"), *"书好"]
ROWS = [[2, 5, 6, 14, 21, 22, 3], [2, 7, 3, 8, 9, 3, 0]]
SEGMENTS = [[0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 1, 1, 1, 0]]
MASK = [[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 0]]
MASKED_POSITIONS = [[1, 3], [0, 4]]


def encoder_config(kind: str) -> encoders.EncoderConfig:
    """Two layers of width 16: ``bert`` is the functional encoder, ``bert_v2`` the layer."""
    sizes = encoders.BertEncoderConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=16,
        num_layers=2,
        num_attention_heads=4,
        intermediate_size=24,
        max_position_embeddings=32,
        dropout_rate=0.2,
    )
    return encoders.EncoderConfig(type=kind, **{kind: sizes})


def build_pretrainer(kind: str, seed: int) -> models.BertPretrainerV2:
    """The garden's pre-training model with random weights, larger than usual, so that a wrong activation shows."""
    model = models.BertPretrainerV2(
        encoder_network=encoders.build_encoder(encoder_config(kind)),
        mlm_activation=tf_utils.get_activation("gelu"),
        classification_heads=[layers.ClassificationHead(inner_dim=16, num_classes=2, name="next_sentence")],
    )
    model(model.inputs if isinstance(model.inputs, dict) else {each.name: each for each in model.inputs})
    generator = np.random.default_rng(seed)
    for variable in model.variables:
        variable.assign(generator.normal(scale=0.5, size=variable.shape))
    return model


def outputs_of(model: models.BertPretrainerV2) -> dict[str, Any]:
    """What the garden's model answers on ``ROWS``."""
    inputs = {"input_word_ids": ROWS, "input_mask": MASK, "input_type_ids": SEGMENTS}
    inputs["masked_lm_positions"] = MASKED_POSITIONS
    outputs = model({name: tf.constant(value, tf.int32) for name, value in inputs.items()})
    names = {"sequence": "sequence_output", "pooled": "pooled_output", "tokens": "mlm_logits"}
    return {name: outputs[key].numpy() for name, key in names.items()}


def checkpoint_items(model: models.BertPretrainerV2, form: str) -> dict[str, Any]:
    """What is saved: ``model=encoder``, ``encoder=encoder``, a functional model around it, or the whole model."""
    encoder = model.encoder_network
    match form:
        case "model":
            return {"model": encoder}
        case "encoder":
            return {"encoder": encoder}
        case "functional":
            return {"model": tf_keras.Model(encoder.inputs, encoder.outputs)}
        case "items":
            return model.checkpoint_items
    return {"model": model, "optimizer": tf_keras.optimizers.Adam()}


def write_directory(directory: Path, model: models.BertPretrainerV2, kind: str, form: str) -> None:
    """A directory as the garden's training leaves it, and a vocabulary."""
    directory.mkdir(exist_ok=True)
    tf.train.Checkpoint(**checkpoint_items(model, form)).save(str(directory / "ckpt"))
    task = {"task": {"model": bert.PretrainerConfig(encoder=encoder_config(kind)).as_dict()}}
    hyperparams.save_params_dict_to_yaml(hyperparams.ParamsDict(task), str(directory / "params.yaml"))
    (directory / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")


def main() -> None:
    model = build_pretrainer("bert_v2", seed=3)
    write_directory(TINY, model, "bert_v2", "items")
    reference = {"token_ids": ROWS, "segment_ids": SEGMENTS, "padding_mask": MASK, "mask_positions": MASKED_POSITIONS}
    reference |= {name: value.tolist() for name, value in outputs_of(model).items()}
    REFERENCE.write_text(json.dumps(reference) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
