"""Masked-token filling: the likeliest tokens for each ``[MASK]`` of a text, from the head of pre-training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf
from pydantic import BaseModel

from bert_tf.backbones.bert_weights import MASKED_TOKEN_HEAD, assign
from bert_tf.backbones.loading import LoadedBackbone, load_backbone
from bert_tf.backbones.masked_token_head import build_masked_token_head, masked_token_head_variables
from bert_tf.backbones.shipped_presets import shipped_preset
from bert_tf.data.records import Records, Row
from bert_tf.errors import UserError
from bert_tf.keras_internals import PREPROCESSOR_CONFIG_FILE, TASK_CONFIG_FILE, check_file_exists, load_json
from bert_tf.tasks.schemas.fill import MASK, FillSchema
from bert_tf.tasks.task import TextTask
from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer
from bert_tf.tokenization.text_preprocessor import TextPreprocessor


@keras.saving.register_keras_serializable(package="bert_tf")
class MaskedTokenFiller(FillSchema, TextTask):
    """A backbone with the masked-token head that it was pre-trained with (Devlin et al. 2018, section 3.1).

    Inputs are those of the backbone and ``mask_positions`` ``(batch, masks)`` int32, the output is logits
    ``(batch, masks, vocabulary)``. The weights come from a pre-training run or from a checkpoint that carries the
    head; fine-tuning does not change them.

    Args:
        backbone: a KerasHub BERT.
        preprocessor: turns strings into the backbone's inputs.
        top_k: candidates for each mask.

    Example:
    ```python
    filler = MaskedTokenFiller.from_preset("runs/pretrained/model")
    filler.answer_texts({"text": ["今天天气很[MASK]。"]})["tokens"]  # (1, 1, 5)
    ```
    """

    monitor: ClassVar[str] = "accuracy"
    target_signature: ClassVar[tf.TypeSpec] = tf.TensorSpec([None], tf.string)
    windowed: ClassVar[bool] = True  # the answers hold the text itself, so inference begins with it

    def __init__(
        self,
        backbone: keras.Model,
        preprocessor: TextPreprocessor | None = None,
        *,
        top_k: int = 5,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        # === Layers ===
        self.backbone = backbone
        self.preprocessor: Any = preprocessor
        self.masked_token_head = build_masked_token_head(backbone, dtype or backbone.dtype_policy)

        # === Functional Model ===
        inputs = {**backbone.input, "mask_positions": keras.Input((None,), dtype="int32", name="mask_positions")}
        features = backbone(backbone.input)["sequence_output"]
        outputs = self.masked_token_head(features, inputs["mask_positions"])
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)

        # === Config ===
        self.pair = False
        self.top_k = top_k

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "top_k": self.top_k}

    @classmethod
    def create(
        cls, loaded: LoadedBackbone, *, sequence_length: int, dtype: str = "float32", **options: Any
    ) -> MaskedTokenFiller:
        """Builds the task on a backbone that carries a masked-token head.

        Raises:
            UserError: it carries none.
        """
        heads = loaded.pretraining_heads
        if not isinstance(loaded.tokenizer, ExactBertTokenizer) or not all(name in heads for name in MASKED_TOKEN_HEAD):
            raise UserError(
                f"{loaded.source}: it has no masked-token head to fill with. Take a pre-training run (python -m "
                "bert_tf.pretrain), or a Google or Hugging Face directory that holds the head "
                "(BertForMaskedLM, BertForPreTraining)."
            )
        task = super().create(loaded, sequence_length=sequence_length, dtype=dtype, **options)
        assert isinstance(task, MaskedTokenFiller)
        for each in masked_token_head_variables(task.masked_token_head):
            assign(each, heads[each.name], each.name)
        return task

    @classmethod
    def from_preset(cls, preset: str, load_weights: bool = True, **kwargs: Any) -> TextTask:
        """Loads a saved filler, or any backbone spec that carries a masked-token head, such as a pre-training run's."""
        preset = str(shipped_preset(preset) or preset)
        saved = check_file_exists(preset, TASK_CONFIG_FILE) and load_json(preset, TASK_CONFIG_FILE)
        if saved and saved["registered_name"] == keras.saving.get_registered_name(cls):
            return super().from_preset(preset, load_weights, **kwargs)
        # No longer than the model was pre-trained with, where that is known: positions beyond it are random.
        pretrained = check_file_exists(preset, PREPROCESSOR_CONFIG_FILE) and load_json(preset, PREPROCESSOR_CONFIG_FILE)
        known = pretrained["config"].get("sequence_length") if pretrained else None
        loaded = load_backbone(preset, dtype=kwargs.get("dtype"))
        return cls.create(loaded, sequence_length=kwargs.pop("sequence_length", known or 256), **kwargs)

    @classmethod
    def learn_from(
        cls, records: Records, labels: Sequence[str] | None, options: BaseModel | None = None
    ) -> dict[str, Any]:
        raise UserError("--task fill is not learned from labels: pre-training learns it (python -m bert_tf.pretrain).")

    def target(self, row: Row) -> str:
        """The true tokens, one for each mask, separated by spaces."""
        label, masks = str(row.values["label"]), row.values["text"].count(MASK)
        if len(label.split()) != masks:
            raise UserError(f"{row.where()}: {masks} {MASK}, but the label {label!r} has {len(label.split())} tokens.")
        return label

    def encode(self, columns: Mapping[str, tf.Tensor]) -> dict[str, tf.RaggedTensor]:
        pieces = tf.strings.split(columns["text"], MASK)
        tokenizer = self.preprocessor.tokenizer
        tokens = self.preprocessor.tokenize(pieces.flat_values)  # cleaned each alone: no [MASK] comes or goes
        # A mask follows each piece but the last of its row; only these are control tokens, not a [SEP] in the text.
        last = tf.scatter_nd((pieces.row_limits() - 1)[:, None], tf.ones_like(pieces.row_limits()), [tokens.nrows()])
        masks = tf.RaggedTensor.from_row_lengths(
            tf.fill([tokens.nrows() - pieces.nrows()], tokenizer.mask_token_id), 1 - last
        )
        ids = pieces.with_flat_values(tf.concat([tokens, masks], 1)).merge_dims(1, 2)
        return self.preprocessor.pack_tokens(ids)

    def answer_texts(self, columns: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Texts to candidates.

        Returns:
            ``tokens`` string, ``scores`` float32 (probabilities) and ``sequences`` string, all ``(batch, masks, k)``,
            likeliest first. A sequence is the text with that mask filled and the others left. Texts with fewer masks
            than the batch's most, or with masks beyond ``sequence_length``, are filled up with "" and 0.
        """
        features = self.pad(self.encode(columns))
        rows, positions = tf.unstack(tf.cast(tf.where(features["token_ids"] == self._mask_id()), tf.int32), axis=1)
        batch = tf.shape(features["token_ids"])[0]
        found = tf.RaggedTensor.from_value_rowids(positions, tf.cast(rows, tf.int64), tf.cast(batch, tf.int64))
        counts = found.row_lengths()
        features["mask_positions"] = found.to_tensor()
        probabilities = tf.nn.softmax(tf.cast(self(features, training=False), tf.float32))
        k = min(self.top_k, self.preprocessor.tokenizer.vocabulary_size())
        # Ids beyond vocab.txt, with which some checkpoints fill their embeddings up, have no name.
        scores, ids = tf.math.top_k(probabilities[..., : self.preprocessor.tokenizer.vocabulary_size()], k)
        tokens = tf.gather(tf.constant(self.preprocessor.tokenizer.get_vocabulary()), ids)
        valid = tf.sequence_mask(counts, tf.shape(ids)[1])[..., None]
        return {
            "tokens": tf.where(valid, tokens, ""),
            "scores": tf.where(valid, scores, 0.0),
            "sequences": tf.where(valid, _fill(columns["text"], tokens), ""),
        }

    def _mask_id(self) -> int:
        return int(self.preprocessor.tokenizer.mask_token_id)

    def answers(self, finished: Mapping[str, np.ndarray], rows: Sequence[Row]) -> list[dict[str, Any]]:
        """``masks``: for each mask of the text its candidates; none for one beyond ``sequence_length``."""
        fields = [finished[name] for name in ("tokens", "scores", "sequences")]
        return [
            {
                "masks": [
                    [
                        {"token": token.decode("utf-8"), "score": float(score), "sequence": text.decode("utf-8")}
                        for token, score, text in zip(*mask, strict=True)
                        if token
                    ]
                    for mask in zip(*record, strict=True)
                ][: row.values["text"].count(MASK)]
            }
            for row, *record in zip(rows, *fields, strict=True)
        ]

    def evaluate_outputs(
        self, targets: Sequence[str], finished: Mapping[str, np.ndarray], rows: Sequence[Row]
    ) -> dict[str, Any]:
        """How often the true token is the first candidate (``accuracy``) or any, and its mean reciprocal rank."""
        ranks: list[float] = []
        for target, masks in zip(targets, finished["tokens"], strict=True):
            for number, token in enumerate(target.split()):
                candidates = list(masks[number]) if number < len(masks) else []
                name = token.encode("utf-8")
                ranks.append(candidates.index(name) + 1 if name in candidates else np.inf)
        rank = np.array(ranks)
        return {
            "accuracy": float(np.mean(rank == 1)),
            f"hit@{self.top_k}": float(np.mean(np.isfinite(rank))),
            "mrr": float(np.mean(1 / rank)),
            "masks": len(ranks),
            "examples": len(targets),
        }


TASK = MaskedTokenFiller


def _fill(texts: tf.Tensor, tokens: tf.Tensor) -> tf.Tensor:
    """Each text with one mask replaced by one token: ``(batch, masks, k)`` string.

    Args:
        texts: ``(batch,)`` string.
        tokens: ``(batch, masks, k)`` string; ``##`` of a token joins it to what stands before.
    """
    pieces = tf.strings.split(texts, MASK)
    counts = tf.cast(pieces.row_lengths(), tf.int32)
    masks = tf.shape(tokens)[1]
    parts = pieces.to_tensor()[:, None, None]  # (batch, 1, 1, pieces)
    number = tf.range(tf.shape(parts)[-1])
    here = number == tf.range(masks)[:, None, None]  # (masks, 1, pieces)
    joins = tf.strings.regex_full_match(tokens, "##.+")[..., None]
    parts = tf.where(here & joins, tf.strings.regex_replace(parts, r"\s+$", ""), parts)
    word = tf.strings.regex_replace(tokens, "^##(.+)$", r"\1")[..., None]
    after = tf.where(number < counts[:, None] - 1, MASK, "")[:, None, None]
    return tf.strings.reduce_join(parts + tf.where(here, word, after), -1)
