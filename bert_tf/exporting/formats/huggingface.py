"""A BERT as a Hugging Face directory, which ``transformers`` loads with equal outputs."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras_hub
import numpy as np
from safetensors.numpy import save_file

from bert_tf.backbones.bert_weights import MASKED_TOKEN_HEAD, PAIR_HEAD, encoder_variables, torch_tensors
from bert_tf.backbones.loading import LoadedBackbone, load_backbone
from bert_tf.config import Section
from bert_tf.errors import UserError
from bert_tf.exporting.exportable import Exportable
from bert_tf.exporting.huggingface_heads import huggingface_head
from bert_tf.tasks.task import TextTask

BACKBONES = True

logger = logging.getLogger("bert_tf")

_SPECIAL_TOKENS = {
    "unk_token": "[UNK]",
    "sep_token": "[SEP]",
    "pad_token": "[PAD]",
    "cls_token": "[CLS]",
    "mask_token": "[MASK]",
}


@dataclass(frozen=True)
class HuggingFaceModel:
    """What is written.

    Attributes:
        backbone: a KerasHub BERT.
        tokenizer: its tokeniser.
        architecture: the class of ``transformers`` that the file is for.
        head: its tensors beside the encoder's, by name, dense kernels ``(outputs, inputs)``.
        config: what the head adds to ``config.json``.
    """

    backbone: keras_hub.models.Backbone
    tokenizer: keras_hub.models.Tokenizer
    architecture: str = "BertModel"
    head: Mapping[str, np.ndarray] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of_backbone(cls, loaded: LoadedBackbone) -> HuggingFaceModel:
        """An encoder with the pre-training heads that it has: ``BertForPreTraining``, ``BertForMaskedLM`` or none."""
        heads = loaded.pretraining_heads
        architecture = "BertModel"
        if all(name in heads for name in MASKED_TOKEN_HEAD):
            architecture = "BertForPreTraining" if all(name in heads for name in PAIR_HEAD) else "BertForMaskedLM"
        head = {name: np.ascontiguousarray(value.T) for name, value in heads.items()}
        return cls(loaded.backbone, loaded.tokenizer, architecture, {} if architecture == "BertModel" else head)

    @classmethod
    def of_task(cls, task: TextTask) -> HuggingFaceModel:
        """A task with its head, where ``transformers`` has one like it, else its encoder alone."""
        preprocessor: Any = task.preprocessor
        if steps := _not_done_by(preprocessor):
            logger.warning(
                "this model was trained on cleaned texts, and transformers cleans none: %s before it reads a text",
                " and ".join(steps),
            )
        if head := huggingface_head(task):
            return cls(task.backbone, preprocessor.tokenizer, *head)
        logger.warning("transformers has no counterpart of this %s: its encoder alone is written", type(task).__name__)
        return cls(task.backbone, preprocessor.tokenizer)


def supports(task: TextTask) -> str | None:
    """Why a task cannot be written; a head that ``transformers`` does not have is left out with a warning."""
    return _unsupported(task.backbone)


def write(model: Exportable, directory: Path, options: Section) -> dict[str, Any]:
    """Writes ``config.json``, ``model.safetensors`` (float32), ``vocab.txt`` and the tokeniser's settings.

    A pre-training run is written with its pre-training heads.

    Args:
        model: a task, or a backbone with the pre-training heads that it has.
        directory: to fill.
        options: none.

    Raises:
        UserError: the backbone is not a BERT, or its weights are quantised.
    """
    loaded = model.backbone if model.preset is None else load_backbone(str(model.preset))
    if loaded is not None and (model.is_backbone or loaded.pretraining_heads):
        written = HuggingFaceModel.of_backbone(loaded)
    else:
        written = HuggingFaceModel.of_task(model.task)
    if reason := _unsupported(written.backbone):
        raise UserError(f"--format huggingface: {reason}.")
    _write(written, directory)
    return {"architecture": written.architecture}


def _not_done_by(preprocessor: Any) -> list[str]:
    """What of a model's cleaning the user of the written tokeniser has to do; it drops control characters itself."""
    if preprocessor.cleaner is None:
        return []
    cleaning = preprocessor.cleaner.config
    steps = ["remove HTML tags and decode entities (html.unescape)"] if cleaning.html else []
    # Where accents are stripped, composed and decomposed ones give equal tokens.
    if cleaning.unicode == "NFKC" or (cleaning.unicode == "NFC" and not preprocessor.tokenizer.strip_accents):
        steps.append(f'normalise it (unicodedata.normalize("{cleaning.unicode}", text))')
    return steps


def _unsupported(backbone: keras_hub.models.Backbone) -> str | None:
    if not isinstance(backbone, keras_hub.models.BertBackbone):
        return f"only BERT backbones are written so; this is a {type(backbone).__name__}"
    if any(getattr(layer, "quantization_mode", None) for layer in backbone._flatten_layers()):
        return "the weights are quantised: export the run that they were made from"
    return None


def _write(model: HuggingFaceModel, directory: Path) -> None:
    tensors = torch_tensors(encoder_variables(model.backbone))
    # transformers names the encoder's weights as an attribute of the model, unless the encoder is the model.
    prefix = "" if model.architecture == "BertModel" else "bert."
    tensors = {f"{prefix}{name}": value for name, value in tensors.items()} | dict(model.head)
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    # Readable by whoever may read the directory; safetensors keeps its files to their owner.
    (directory / "model.safetensors").chmod(0o644)
    tokenizer = model.tokenizer
    settings = {
        "tokenizer_class": "BertTokenizer",
        "do_lower_case": bool(tokenizer.lowercase),
        "strip_accents": bool(tokenizer.strip_accents),
        "tokenize_chinese_chars": True,
        "model_max_length": model.backbone.max_sequence_length,
        **_SPECIAL_TOKENS,
    }
    _write_json(directory / "config.json", _config(model))
    _write_json(directory / "tokenizer_config.json", settings)
    _write_json(directory / "special_tokens_map.json", _SPECIAL_TOKENS)
    lines = "".join(f"{token}\n" for token in tokenizer.get_vocabulary())
    (directory / "vocab.txt").write_text(lines, encoding="utf-8")


def _config(model: HuggingFaceModel) -> dict[str, Any]:
    backbone = model.backbone
    return {
        "architectures": [model.architecture],
        "model_type": "bert",
        "vocab_size": backbone.vocabulary_size,
        "hidden_size": backbone.hidden_dim,
        "num_hidden_layers": backbone.num_layers,
        "num_attention_heads": backbone.num_heads,
        "intermediate_size": backbone.intermediate_dim,
        # KerasHub's own BERT computes the tanh approximation.
        "hidden_act": getattr(backbone, "hidden_act", "gelu_new"),
        "hidden_dropout_prob": backbone.dropout,
        "attention_probs_dropout_prob": backbone.dropout,
        "max_position_embeddings": backbone.max_sequence_length,
        "type_vocab_size": backbone.num_segments,
        "layer_norm_eps": getattr(backbone, "layer_norm_epsilon", 1e-12),
        "initializer_range": 0.02,
        "position_embedding_type": "absolute",
        "pad_token_id": model.tokenizer.pad_token_id,
        "torch_dtype": "float32",
        **model.config,
    }


def _write_json(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(values, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
