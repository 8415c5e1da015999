"""Answers and outputs straight from texts: ``answer`` and ``predict`` of a task."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from bert_tf.data.batching import column_arrays
from bert_tf.data.empty_texts import tell_empty_texts
from bert_tf.data.given_records import given_rows
from bert_tf.data.inference_windows import concatenate
from bert_tf.data.records import Row
from bert_tf.data.training_records import dataset_examples
from bert_tf.errors import UserError
from bert_tf.modeling.encoders.layer_outputs import layer_outputs
from bert_tf.modeling.mask_values import MASKED
from bert_tf.tasks.answer_values import short_floats
from bert_tf.tasks.keras_training import KerasTraining


class EncodedLayers(NamedTuple):
    """Some texts, and what each layer makes of them.

    Attributes:
        tokens: of each row, without padding.
        hidden_states: ``(layers + 1, rows, seq_len, dim)`` float32: the embeddings, then the output of each layer.
        attention_scores: ``(layers, rows, heads, seq_len, seq_len)`` float32: how much each token takes from each.
    """

    tokens: list[list[str]]
    hidden_states: np.ndarray
    attention_scores: np.ndarray


class DirectAnswers(KerasTraining):
    """The part of :class:`bert_tf.tasks.task.TextTask` that takes texts and gives answers or outputs."""

    def answer(self, records: Any, *, batch_size: int = 32) -> list[dict[str, Any]]:
        """Answers one record or several: a JSON-ready answer for each, in order.

        The graph from strings to answers, the one that is exported, is compiled by the first call and kept.

        Args:
            records: a text, a list of texts, a pair or a list of pairs, mappings from column to text, or columns of
                texts: see :func:`bert_tf.data.given_records.given_rows`.
            batch_size: largest number of records that go through the model together.

        Raises:
            UserError: a record does not fit the task.
        """
        specs = self.input_specs()
        rows = map(self.prepare, given_rows(records, tuple(specs), self.list_columns))
        told = list(tell_empty_texts(rows, [name for name in specs if name not in self.list_columns]))
        return [short_floats(answer) for answer in self.answer_rows(told, batch_size)]

    def answer_rows(self, rows: Sequence[Row], batch_size: int = 32) -> list[dict[str, Any]]:
        """As :meth:`answer`, of rows that hold the task's columns, with numbers as the model gives them."""
        specs = self.input_specs()
        graph = self._kept_graph("answer", lambda: tf.function(self.answer_texts, input_signature=[specs]))
        names = [name for name, spec in specs.items() if spec.shape.rank == 1]
        # Texts of similar length share a batch, so that a short one does not pay for a long one.
        order = sorted(range(len(rows)), key=lambda number: sum(len(rows[number].values[name]) for name in names))
        answers: list[dict[str, Any]] = [{} for _ in rows]
        for start in range(0, len(rows), batch_size):
            places = order[start : start + batch_size]
            batch = [rows[place] for place in places]
            arrays = column_arrays(batch, specs)
            finished = {name: value.numpy() for name, value in graph(arrays).items()}
            for place, answer in zip(places, self.answers(finished, batch), strict=True):
                answers[place] = answer
        return answers

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: Any = "auto",
        steps: int | None = None,
        callbacks: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Keras's ``predict``: the model's outputs, such as logits; :meth:`answer` makes them readable.

        Texts of one batch start no pipeline and show no progress bar. Of a task that cuts long texts, each window has a
        row; batches that differ in length are padded with ``MASKED``.

        Args:
            x: texts, pairs or records, as :meth:`answer` takes them; columns of texts; a ``tf.data.Dataset``.
            batch_size: texts that go through the model together.
            verbose: as Keras's, and so the next two.
            steps: batches that are read.
            callbacks: Keras's.
            **kwargs: Keras's.

        Raises:
            UserError: a column is missing, or the outputs cannot be had from texts alone.
        """
        keras_options = {"verbose": verbose, "steps": steps, "callbacks": callbacks, **kwargs}
        if self._are_features(x):
            return keras.Model.predict(self, x, batch_size, **keras_options)
        self._check_predicts(x)
        if self.windowed or self.list_columns:
            if steps is not None or callbacks is not None:
                raise UserError("steps and callbacks: this task predicts without Keras's loop; leave them out.")
            return self._predict_rows(x, batch_size or 32)
        x = [x] if isinstance(x, str) else x
        rows = _rows_of(x)
        plain = verbose in ("auto", 0) and steps is None and callbacks is None and not kwargs
        if not plain or rows is None or rows > (batch_size or 32):
            return super().predict(x, batch_size, **keras_options)
        preprocess = self._kept_graph("preprocess", lambda: tf.function(self.preprocessor, reduce_retracing=True))
        texts = {key: tf.constant(each) for key, each in x.items()} if isinstance(x, Mapping) else tf.constant(x)
        return keras.Model.predict_on_batch(self, preprocess(texts))

    def encode_layers(self, records: Any) -> EncodedLayers:
        """What the encoder computes of a few records, layer by layer: hidden states and attention scores.

        Args:
            records: as :meth:`answer` takes them; they go through the model together.

        Raises:
            UserError: a record does not fit the task, or the backbone is no BERT.
        """
        specs = self.input_specs()
        rows = list(map(self.prepare, given_rows(records, tuple(specs), self.list_columns)))
        features = self.pad(self.encode({k: tf.constant(v) for k, v in column_arrays(rows, specs).items()}))
        length = features["token_ids"].shape[-1]
        features = {name: tf.reshape(value, [-1, length]) for name, value in features.items()}
        states, scores = layer_outputs(self.backbone, features)
        names = self.preprocessor.tokenizer.get_vocabulary()
        ids, masks = features["token_ids"].numpy(), features["padding_mask"].numpy() > 0
        tokens = [[names[number] for number in row[mask]] for row, mask in zip(ids, masks, strict=True)]
        return EncodedLayers(
            tokens,
            np.stack([tf.cast(state, tf.float32).numpy() for state in states]),
            np.stack([tf.cast(score, tf.float32).numpy() for score in scores]),
        )

    def _check_predicts(self, x: Any) -> None:
        name = type(self).__name__
        if own := [each for each in self.input if each not in self.backbone.input]:
            raise UserError(f"{name} reads {own[0]} beside texts, which predict cannot make: use answer(texts).")
        if isinstance(x, Mapping) and (missing := [each for each in self.input_columns() if each not in x]):
            found = ", ".join(map(str, x))
            raise UserError(f"{name} reads {', '.join(self.input_columns())}; there is no {missing[0]!r} in {found}.")

    def _predict_rows(self, x: Any, batch_size: int) -> np.ndarray:
        """Outputs of a task that makes several rows of features, or rows of several texts, of a record."""
        specs = self.input_specs()
        records = [given for given, _, _ in dataset_examples(x)] if hasattr(x, "element_spec") else x
        rows = list(map(self.prepare, given_rows(records, tuple(specs), self.list_columns)))

        def encode() -> Callable[..., Any]:
            return tf.function(lambda columns: self.pad(self.encode(columns)), input_signature=[specs])

        graph = self._kept_graph("encode", encode)
        batches = (column_arrays(rows[start : start + batch_size], specs) for start in range(0, len(rows), batch_size))
        return concatenate([keras.Model.predict_on_batch(self, graph(batch)) for batch in batches], filling=MASKED)

    def _kept_graph(self, name: str, compile_graph: Callable[[], Callable[..., Any]]) -> Callable[..., Any]:
        """A compiled function, made anew where an option of the task or the preprocessor, a constant in it, changed."""
        options = (_options(self), _options(self.preprocessor))
        # Not an attribute: Keras tracks and saves those, graphs among them.
        kept = self.__dict__.setdefault("_kept_graphs", {})
        if kept.get(name, (None,))[0] != options:
            kept[name] = (options, compile_graph())
        return kept[name][1]


def _rows_of(x: Any) -> int | None:
    """How many texts there are in what Keras's ``predict`` was given; ``None`` if it is not texts in memory."""
    if isinstance(x, Mapping):
        counts = {_rows_of(each) for each in x.values()}
        return counts.pop() if len(counts) == 1 else None
    if isinstance(x, list):
        return len(x) if x and all(isinstance(each, str) for each in x) else None
    return len(x) if isinstance(x, np.ndarray) and x.ndim == 1 and x.size and x.dtype.kind in "UO" else None


def _options(owner: Any) -> list[Any]:
    """The values of the constructor's arguments as they are now, but for layers."""
    values = (getattr(owner, name, None) for name in inspect.signature(type(owner).__init__).parameters)
    return [list(value) if isinstance(value, list | tuple) else value for value in values if _is_option(value)]


def _is_option(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str | list | tuple)
