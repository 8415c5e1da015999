"""Answers and outputs straight from texts: ``answer`` and ``predict`` of a task."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import keras_hub
import numpy as np
import tensorflow as tf

from bert_tf.data.batching import column_arrays
from bert_tf.data.empty_texts import tell_empty_texts
from bert_tf.data.given_records import given_rows
from bert_tf.data.records import Row
from bert_tf.tasks.answer_values import short_floats


class DirectAnswers(keras_hub.models.Task):
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
        """Keras's ``predict``: the model's outputs. Texts of one batch start no pipeline and show no progress bar."""
        rows = _rows_of(x)
        plain = verbose in ("auto", 0) and steps is None and callbacks is None and not kwargs
        if not plain or self.preprocessor is None or rows is None or rows > (batch_size or 32):
            return super().predict(x, batch_size, verbose=verbose, steps=steps, callbacks=callbacks, **kwargs)
        preprocess = self._kept_graph("preprocess", lambda: tf.function(self.preprocessor, reduce_retracing=True))
        texts = {key: tf.constant(each) for key, each in x.items()} if isinstance(x, Mapping) else tf.constant(x)
        return keras.Model.predict_on_batch(self, preprocess(texts))

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
