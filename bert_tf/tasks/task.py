"""The contract between a task and the rest of the house: what every file of this folder provides."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import keras
import keras_hub
import numpy as np
import tensorflow as tf
from pydantic import BaseModel

from bert_tf.backbones.loading import LoadedBackbone, load_backbone
from bert_tf.backbones.model_files import check_files, write_checksums
from bert_tf.config import TextCleaningConfig, validate
from bert_tf.data.labels import given_labels
from bert_tf.data.records import Records, Row
from bert_tf.data.schema import TaskSchema
from bert_tf.data.training_records import texts_of, training_records
from bert_tf.keras_internals import CONFIG_FILE, TASK_CONFIG_FILE, get_preset_loader
from bert_tf.renamed_options import migrate
from bert_tf.tasks.constructor_arguments import check_arguments
from bert_tf.tasks.direct_answers import DirectAnswers
from bert_tf.tasks.mistakes import Mistake
from bert_tf.tasks.saved_tasks import check_head, check_same_labels, is_saved_task
from bert_tf.tokenization.text_preprocessor import TextPreprocessor


class TextTask(TaskSchema, DirectAnswers):
    """A KerasHub ``Task`` that also knows its data, its loss, its metrics and its answers.

    The numbers a model gives become a person's answer in :meth:`postprocess`, which is a graph: prediction in Python
    and the exported SavedModel run the same one. A subclass takes its schema from ``bert_tf/tasks/schemas``, sets the
    class attributes and fills in the methods.

    Attributes:
        monitor: the metric that chooses the best epoch.
        mode: ``min`` where less of the monitor is better.
        lower_is_better: of the other metrics, those of which less is better.
        target_signature: type of a batch of targets, its first dimension the batch.
        counts: what :meth:`counted` counts; the share of ``labels`` is one of the examples, else one of all of these.
        windowed: one record becomes any number of rows of features, as where long texts are cut into windows.
    """

    monitor: ClassVar[str]
    mode: ClassVar[Literal["min", "max"]] = "max"
    lower_is_better: ClassVar[frozenset[str]] = frozenset({"loss"})
    target_signature: ClassVar[tf.TypeSpec] = tf.TensorSpec([None], tf.int32)
    counts: ClassVar[str] = "labels"
    windowed: ClassVar[bool] = False

    pair: bool

    @classmethod
    def create(
        cls,
        loaded: LoadedBackbone,
        *,
        sequence_length: int,
        dtype: str = "float32",
        cleaning: TextCleaningConfig | None = None,
        **options: Any,
    ) -> TextTask:
        """Builds the task on a loaded backbone.

        Args:
            loaded: the backbone.
            sequence_length: longest input in tokens.
            dtype: name of the dtype policy.
            cleaning: what the model removes from every text that it reads; default nothing.
            **options: the constructor's.

        Raises:
            UserError: one of ``labels`` is not a line of text, or is given twice.
        """
        if "labels" in options:
            given_labels(options["labels"], "labels")
        preprocessor = TextPreprocessor(
            loaded.tokenizer,
            sequence_length=sequence_length,
            segment_ids="segment_ids" in loaded.backbone.input,
            cleaning=cleaning,
        )
        return cls(backbone=loaded.backbone, preprocessor=preprocessor, dtype=dtype, **options)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> TextTask:
        """As Keras's; arguments may have the names that they had in earlier versions."""
        return super().from_config(migrate(config, "head."))

    @classmethod
    def from_preset(cls, preset: str, load_weights: bool = True, **kwargs: Any) -> TextTask:
        """Loads a task that was saved with ``save_to_preset``, or puts a new head on any backbone spec.

        Args:
            preset: a directory of a saved task (``runs/x/model``), or a backbone spec: ``zh_mini``, a KerasHub preset,
                ``hf://…``, ``kaggle://…``, a directory, ``package://NAME/PATH``, ``scratch:tiny``.
            load_weights: read the saved weights.
            **kwargs: ``dtype``; of a new head also the constructor's arguments, ``sequence_length`` and, for
                ``scratch:``, the ``texts`` to learn a vocabulary from. As in KerasHub, ``num_classes`` makes a new
                head; its labels are numbers.

        Raises:
            UserError: there is no such preset, files of the saved task are missing or others than those that were
                saved with it, or a new head lacks an argument.
        """
        if load_weights and Path(preset).is_dir():
            check_files(preset)
        if not is_saved_task(preset, cls) or "num_classes" in kwargs:
            return cls._new_head(preset, **kwargs)
        check_same_labels(preset, kwargs.get("labels"))
        task = get_preset_loader(preset).load_task(cls, load_weights, True, **kwargs)
        if load_weights:
            check_head(preset, task)
        return task

    @classmethod
    def _new_head(
        cls,
        preset: str,
        *,
        sequence_length: int | None = None,
        texts: Any = None,
        num_classes: int | None = None,
        **options: Any,
    ) -> TextTask:
        if num_classes is not None and cls.has_labels:
            options["labels"] = [str(number) for number in range(num_classes)]
        check_arguments(cls, options)
        texts = texts if texts is None or callable(texts) else texts.__iter__
        loaded = load_backbone(preset, texts=texts, sequence_length=sequence_length or 0, dtype=options.get("dtype"))
        if sequence_length is None:
            sequence_length = min(256, getattr(loaded.backbone, "max_sequence_length", None) or 256)
        task = cls.create(loaded, sequence_length=sequence_length, **options)
        task.learn_in_fit(options)
        return task

    @classmethod
    def from_data(
        cls, preset: str, x: Any, y: Any = None, *, labels: Sequence[str] | None = None, **kwargs: Any
    ) -> TextTask:
        """A new head on a backbone, for data: it takes labels, balanced class weights and whatever else from them.

        Args:
            preset: a backbone spec, as of :meth:`from_preset`.
            x: the training data, as ``fit`` takes them.
            y: see ``x``.
            labels: the labels in their order; default as in the data, sorted.
            **kwargs: the task's options, ``sequence_length``, ``cleaning`` and ``dtype``.

        Raises:
            UserError: an option is wrong, or the data cannot train this task.
        """
        own = {name: kwargs.pop(name) for name in ("sequence_length", "cleaning", "dtype") if name in kwargs}
        options = validate(cls.Options, kwargs)
        records = training_records(cls, x, y, options=options)
        facts = options.model_dump() | cls.learn_from(records, labels, options)
        return cls._new_head(preset, texts=lambda: texts_of(records, cls), **own, **facts)

    def save_to_preset(self, preset_dir: str, **kwargs: Any) -> None:
        """Saves the task as a KerasHub preset that computes in float32, whatever precision it was trained in.

        ``labels.txt`` beside it holds the labels, one a line, where there are any; ``checksums.json`` the sums of all
        files, by which :meth:`from_preset` notices what is missing or another.
        """
        super().save_to_preset(preset_dir, **kwargs)
        # The weights are float32 in any case, and KerasHub cannot read back the name of a mixed policy.
        for name in (CONFIG_FILE, TASK_CONFIG_FILE):
            path = Path(preset_dir) / name
            text = path.read_text(encoding="utf-8")
            path.write_text(re.sub(r'"mixed_b?float16"', '"float32"', text), encoding="utf-8")
        labels = self.label_names()
        if labels is not None:
            lines = "".join(f"{label}\n" for label in labels)
            (Path(preset_dir) / "labels.txt").write_text(lines, encoding="utf-8")
        write_checksums(preset_dir)

    def save_task_weights(self, filepath: str) -> None:
        """Saves the head's weights; KerasHub would save the optimiser's state with them."""
        keras.saving.save_weights(self, filepath, objects_to_skip=self._not_of_the_head())

    def load_task_weights(self, filepath: str) -> None:
        """Loads the head's weights."""
        keras.saving.load_weights(self, filepath, objects_to_skip=self._not_of_the_head())

    def _not_of_the_head(self) -> list[Any]:
        optimizer = getattr(self, "optimizer", None)
        return [*self.backbone._flatten_layers(), *([] if optimizer is None else [optimizer])]

    @classmethod
    def learn_from(
        cls, records: Records, labels: Sequence[str] | None, options: BaseModel | None = None
    ) -> dict[str, Any]:
        """Reads the training records once and returns the constructor arguments that they decide.

        Args:
            records: the training records.
            labels: the labels in their order, where the user gave them.
            options: the validated ``--head.*`` options.

        Raises:
            UserError: the records cannot train this task.
        """
        raise NotImplementedError

    def target(self, row: Row) -> Any | None:
        """Returns the target of one record, an element of ``target_signature``; ``None`` if its label is unknown.

        Raises:
            UserError: the record has no target.
        """
        raise NotImplementedError

    def unknown_target(self, row: Row) -> str:
        """Says, for a record whose :meth:`target` is ``None``, what was found and what was expected."""
        raise NotImplementedError

    def counted(self, row: Row, target: Any) -> Iterable[str | float]:
        """What is counted of a training record before training: its labels by name, or the number to learn.

        Args:
            row: the record.
            target: from :meth:`target`.
        """
        return ()

    def metric_names(self, counted: Collection[str | float]) -> Collection[str]:
        """The scores that evaluation will give on the validation data.

        Args:
            counted: the different values that :meth:`counted` gives of them; one number stands for all numbers.

        Raises:
            UserError: what is to be chosen on them cannot be.
        """
        return self.score_names

    def remarks(self) -> list[str]:
        """What else is said of the task before training, a line each."""
        return []

    def text_limit(self) -> tuple[int, str] | None:
        """The most tokens of a text that are read, and the flag that sets it; ``None`` where all of any text counts."""
        return None if self.windowed else (self.preprocessor.sequence_length, "--data.sequence_length")

    def report_unreachable(self, rows: Iterable[tuple[Row, Any]]) -> None:
        """Warns, before training, of targets that no answer of this model can equal.

        Args:
            rows: the training records with their targets.
        """

    def loss_per_example(self, targets: Any, outputs: Any) -> tf.Tensor:
        """Returns the loss of each example, ``(batch,)`` float32."""
        raise NotImplementedError

    def loss_weights(self, targets: Any) -> tf.Tensor | None:
        """How much each example counts in the mean loss of its batch, ``(batch,)`` float32; ``None``: all alike.

        Where an example's loss is a mean over its tokens, their number: then every token counts alike.
        """
        return None

    def postprocess(self, outputs: Any) -> dict[str, tf.Tensor]:
        """Turns the model's outputs into named, finished answers, with TensorFlow ops only."""
        raise NotImplementedError

    def answers(self, finished: Mapping[str, np.ndarray], rows: Sequence[Row]) -> list[dict[str, Any]]:
        """Turns the arrays of :meth:`postprocess` into one JSON-ready answer for each record."""
        raise NotImplementedError

    def evaluate_outputs(
        self, targets: Sequence[Any], finished: Mapping[str, np.ndarray], rows: Sequence[Row]
    ) -> dict[str, Any]:
        """Returns the metrics that the field reports: name to number, and tables under their own names.

        Args:
            targets: from :meth:`target`, one a record.
            finished: from :meth:`postprocess`; where records differ in length, padded with 0, False or empty strings.
            rows: the records.
        """
        raise NotImplementedError

    def tune(self, targets: Sequence[Any], finished: Mapping[str, np.ndarray], rows: Sequence[Row]) -> None:
        """Sets what is chosen on the validation data rather than trained, such as a threshold.

        Called before :meth:`evaluate_outputs` on the validation data of each epoch; what it sets must be in the config
        that ``save_to_preset`` writes.
        """

    def evaluation_files(
        self, targets: Sequence[Any], finished: Mapping[str, np.ndarray], rows: Sequence[Row]
    ) -> dict[str, Any]:
        """What ``evaluate`` writes beside metrics and predictions, as official scripts read it: file name to JSON.

        The arguments are those of :meth:`evaluate_outputs`; most tasks have no such files.
        """
        return {}

    def baselines(self, train: Iterable[tuple[Row, Any]], test: Iterable[tuple[Row, Any]]) -> dict[str, dict[str, Any]]:
        """Trains and scores simple models on ``(record, target)`` pairs: name to metrics; empty if there are none."""
        return {}

    def mistake(self, row: Row, target: Any, answer: Mapping[str, Any]) -> Mistake | None:
        """What is wrong with an answer of :meth:`answers`; ``None`` if nothing is, or the task cannot tell."""
        return None

    def encode(self, columns: Mapping[str, tf.Tensor]) -> dict[str, tf.RaggedTensor]:
        """Texts ``(batch,)`` string by column to ragged model inputs ``(rows, None)`` int32, in the graph.

        ``rows`` is ``batch``, but for ``windowed`` tasks.
        """
        return self.preprocessor.pack(columns["text"], columns.get("text_pair"))

    def encode_training(self, columns: Mapping[str, tf.Tensor], targets: Any) -> tuple[dict[str, tf.RaggedTensor], Any]:
        """As :meth:`encode`, with the targets ``(batch, …)`` turned into those of each row of features."""
        return self.encode(columns), targets

    def pad(self, encoded: Mapping[str, tf.RaggedTensor], multiple_of: int = 1) -> dict[str, tf.Tensor]:
        """Ragged model inputs to dense ones, ``(batch, seq_len)`` or ``(batch, texts, seq_len)`` int32.

        They are as long as the batch's longest.
        """
        return self.preprocessor.pad(encoded, multiple_of=multiple_of)

    def pad_training(
        self, encoded: Mapping[str, tf.RaggedTensor], targets: Any, multiple_of: int = 1
    ) -> tuple[dict[str, tf.Tensor], Any]:
        """As :meth:`pad`, with the targets made dense too, as :meth:`loss_per_example` takes them."""
        return self.pad(encoded, multiple_of), targets

    def input_columns(self) -> tuple[str, ...]:
        """The text columns that this model reads."""
        return self.text_columns if self.pair else self.text_columns[:1]

    def input_specs(self) -> dict[str, tf.TensorSpec]:
        """Shape of a batch of each input column: ``(batch,)``, or ``(batch, None)`` for a list of texts a record.

        Lists are filled up with empty strings.
        """
        return {name: tf.TensorSpec([None], tf.string, name=name) for name in self.input_columns()}

    def training_specs(self) -> dict[str, tf.TensorSpec]:
        """As :meth:`input_specs`, of the columns that training reads, where they are more than an answer needs."""
        return self.input_specs()

    def evaluation_specs(self) -> dict[str, tf.TensorSpec]:
        """As :meth:`input_specs`, of the columns that evaluation reads, where they are more than an answer needs."""
        return self.input_specs()

    def answer_features(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """From model inputs to finished answers, for tasks that are not ``windowed``."""
        return self.postprocess(self(features, training=False))

    def answer_texts(self, columns: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """From strings to finished answers in one graph: what ``serving_default`` runs."""
        return self.answer_features(self.pad(self.encode(columns)))

    def signatures(self) -> dict[str, tf.types.experimental.ConcreteFunction]:
        """What a model server offers, by name; ``serving_default`` gives the finished answers."""
        serve = tf.function(lambda **texts: self.answer_texts(texts))
        return {"serving_default": serve.get_concrete_function(**self.input_specs())}

    def tokenizers(self) -> list[keras_hub.models.Tokenizer]:
        """The tokenisers whose tables the signatures use."""
        return [self.preprocessor.tokenizer]

    def label_names(self) -> Iterable[str] | None:
        """The labels by class index, for tasks that have any."""
        return None
