"""Keras's ``compile``, ``fit`` and ``evaluate`` for every task, with the task's own loss in full."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

import keras
import keras_hub
import tensorflow as tf

from bert_tf.data.records import Records
from bert_tf.data.splitting import split
from bert_tf.data.training_records import training_records
from bert_tf.errors import UserError
from bert_tf.tasks.keras_batches import KerasBatches
from bert_tf.tasks.keras_compilation import check_loss, default_optimizer


class KerasTraining(keras_hub.models.Task):
    """The part of :class:`bert_tf.tasks.task.TextTask` that Keras's methods are.

    A batch has the same loss as in ``python -m bert_tf.train``: ``loss_per_example``, weighted by ``loss_weights``, and
    the model's own losses.

    Attributes:
        takes_keras_loss: a loss of Keras means something for the targets and outputs: class numbers or zeros and ones,
            and logits.
        takes_keras_metrics: so do metrics of Keras, see :meth:`metric_pair`.
        counts_by_example: metrics are given one target and one output an example, so that weights fit.
        learned_in_fit: arguments of the constructor that the first ``fit`` of a new model takes from the data, where
            they were not given.
    """

    takes_keras_loss: ClassVar[bool] = False
    takes_keras_metrics: bool = True
    counts_by_example: ClassVar[bool] = True
    learned_in_fit: ClassVar[tuple[str, ...]] = ()

    def compile(
        self,
        optimizer: Any = "auto",
        loss: Any = "auto",
        *,
        metrics: Any = "auto",
        weighted_metrics: Any = None,
        jit_compile: Any = False,
        **kwargs: Any,
    ) -> None:
        """Keras's ``compile``; a new task is compiled already.

        Args:
            optimizer: ``auto``: AdamW as in :func:`bert_tf.tasks.keras_compilation.default_optimizer`.
            loss: ``auto``: the task's own with its options. A loss of Keras gets class numbers, or zeros and ones, and
                logits.
            metrics: ``auto``: see :meth:`keras_metrics`.
            weighted_metrics: as Keras's.
            jit_compile: as Keras's; off unless asked for, because batches differ in length.
            **kwargs: as Keras's.

        Raises:
            UserError: the task cannot be trained with that loss or that metric.
        """
        self._has_own_loss = loss is None or _is_auto(loss)
        if not self._has_own_loss:
            check_loss(self, loss)
        if not self.takes_keras_metrics and (weighted_metrics or not (_is_auto(metrics) or not metrics)):
            raise UserError(f"metrics: {type(self).__name__} has no targets that a metric of Keras could compare.")
        if weighted_metrics and not self.counts_by_example:
            raise UserError(
                "weighted_metrics: this task counts parts of an example, which have no weight: use metrics."
            )
        super().compile(
            optimizer=default_optimizer(self.backbone) if _is_auto(optimizer) else optimizer,
            loss=None if self._has_own_loss else loss,
            metrics=self.keras_metrics() if _is_auto(metrics) else metrics,
            weighted_metrics=weighted_metrics,
            jit_compile=False if jit_compile == "auto" else jit_compile,
            **kwargs,
        )

    def keras_metrics(self) -> list[keras.metrics.Metric]:
        """The metrics that ``fit`` and ``evaluate`` show unless others are asked for."""
        return []

    def metric_pair(self, targets: Any, outputs: Any) -> tuple[Any, Any]:
        """What Keras's metrics are given: ``(y_true, y_pred)``.

        Args:
            targets: as :meth:`loss_per_example` takes them.
            outputs: as it takes them.
        """
        return targets, outputs

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tf.Tensor:
        """The loss of a batch, ``()`` float32: the weighted mean over the examples, and the model's own losses."""
        if not self._has_own_loss:
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        losses = self.loss_per_example(y, y_pred)
        counts = self.loss_weights(y)
        counts = tf.ones_like(losses) if counts is None else counts
        weights = counts if sample_weight is None else counts * tf.cast(sample_weight, tf.float32)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        # Keras adds the gradients of the replicas up: each takes its share of the global batch's mean.
        total = tf.reduce_sum(counts)
        if replicas > 1:
            total = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, total)
        loss = tf.math.divide_no_nan(tf.reduce_sum(weights * losses), total)
        for penalty in self.losses:
            loss += tf.reduce_sum(tf.cast(penalty, tf.float32)) / replicas
        return loss

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Keras's, of :meth:`metric_pair`."""
        return super().compute_metrics(x, *self.metric_pair(y, y_pred), sample_weight)

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Mapping[Any, float] | None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> keras.callbacks.History:
        """Keras's ``fit``, on whatever :func:`bert_tf.data.training_records.training_records` takes.

        Unlike KerasHub's it shuffles, by Python's random numbers (``keras.utils.set_random_seed``), and texts of
        similar length share a batch; ``shuffle=False`` keeps the order. The other arguments are Keras's. Of
        ``validation_split`` the examples are drawn by label; ``class_weight`` takes class numbers or label names.

        Raises:
            UserError: the data do not fit the task, or an argument does not.
        """
        schedule: dict[str, Any] = {
            "epochs": epochs,
            "verbose": verbose,
            "callbacks": callbacks,
            "initial_epoch": initial_epoch,
            "validation_steps": validation_steps,
            "validation_freq": validation_freq,
        }
        self._check_trains()
        if self._are_features(x):
            given = {"x": x, "y": y, "batch_size": batch_size, "sample_weight": sample_weight, "shuffle": shuffle}
            given |= {"validation_data": validation_data, "validation_split": validation_split}
            given |= {"validation_batch_size": validation_batch_size, "class_weight": class_weight}
            return keras.Model.fit(self, **given, steps_per_epoch=steps_per_epoch, **schedule)
        records = self._records(x, y, sample_weight)
        seed = random.randrange(2**30)
        held_out: Records | None
        if validation_split and validation_data is None:
            records, held_out = self._split(records, validation_split, seed)
        else:
            held_out = None if validation_data is None else self._records(*_unpacked(validation_data))
        self._learn(records)
        batches = KerasBatches(self, records, batch_size or 32, seed=seed, shuffle=shuffle, class_weight=class_weight)
        size = validation_batch_size or batch_size or 32
        return keras.Model.fit(
            self,
            batches.endless(initial_epoch),
            steps_per_epoch=steps_per_epoch or batches.steps,
            validation_data=None if held_out is None else KerasBatches(self, held_out, size, shuffle=False).once(),
            shuffle=False,  # the batches are
            **schedule,
        )

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: Any = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Keras's ``evaluate`` (the loss, then the compiled metrics), on what :meth:`fit` takes."""
        shown = {"verbose": verbose, "steps": steps, "callbacks": callbacks, "return_dict": return_dict}
        self._check_trains()
        if kwargs or self._are_features(x):  # in fit, or inputs that are ready
            given = {"x": x, "y": y, "batch_size": batch_size, "sample_weight": sample_weight}
            return keras.Model.evaluate(self, **given, **shown, **kwargs)
        batches = KerasBatches(self, self._records(x, y, sample_weight), batch_size or 32, shuffle=False)
        return keras.Model.evaluate(self, batches.once(), **shown)

    def train_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, class_weight: Any = None, return_dict: bool = False
    ) -> Any:
        """Keras's ``train_on_batch``, on what :meth:`fit` takes."""
        self._check_trains()
        if self._are_features(x):
            return keras.Model.train_on_batch(self, x, y, sample_weight, class_weight, return_dict)
        batch = KerasBatches.whole(self, self._records(x, y, sample_weight), class_weight)
        return keras.Model.train_on_batch(self, *batch, return_dict=return_dict)

    def test_on_batch(self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False) -> Any:
        """Keras's ``test_on_batch``, on what :meth:`fit` takes."""
        self._check_trains()
        if self._are_features(x):
            return keras.Model.test_on_batch(self, x, y, sample_weight, return_dict)
        batch = KerasBatches.whole(self, self._records(x, y, sample_weight))
        return keras.Model.test_on_batch(self, *batch, return_dict=return_dict)

    def _check_trains(self) -> None:
        if not self.learns_from_records:
            raise UserError(
                f"{type(self).__name__} is for inference only: pre-training makes its weights (python -m "
                "bert_tf.pretrain). Use answer(texts)."
            )

    def _are_features(self, x: Any) -> bool:
        """Whether Keras is given model inputs, not texts."""
        if self.preprocessor is None:
            return True
        spec = getattr(x, "element_spec", x)
        first = spec[0] if isinstance(spec, tuple) and spec else spec
        return isinstance(first, Mapping) and "token_ids" in first

    def _records(self, x: Any, y: Any = None, sample_weight: Any = None) -> Records:
        labels = self.label_names()
        labels = None if labels is None else list(labels)
        records = training_records(self, x, y, sample_weight, options=self, labels=labels)
        return self.check_records(records, {"scheme": getattr(self, "scheme", None)}, "error")

    def _split(self, records: Records, share: float, seed: int) -> tuple[Records, Records]:
        if not 0 < share < 1:
            raise UserError(f"validation_split {share}: give a share between 0 and 1.")
        train, held_out = split(
            records, (1 - share, share), seed=seed, text_columns=self.text_columns, label_column=self.class_column
        )
        return train, held_out

    def learn_in_fit(self, given: Collection[str]) -> None:
        """Lets the first ``fit`` take from its data what ``learned_in_fit`` names and was not given."""
        # Not an attribute: Keras tracks and saves those.
        self.__dict__["_learned_from_data"] = [name for name in self.learned_in_fit if name not in given]

    def _learn(self, records: Records) -> None:
        """Takes from the training data what a new model was not told."""
        wanted: Sequence[str] = self.__dict__.pop("_learned_from_data", ())
        first = next(iter(records), None)
        if first is None:
            raise UserError(f"{records.name}: there is no record to train on.")
        if wanted:
            options = {name: value for name, value in self.get_config().items() if name in self.Options.model_fields}
            labels = self.label_names()
            facts = self.learn_from(
                records, None if labels is None else list(labels), self.Options.model_construct(**options)
            )
            for name in wanted:
                if name in facts:
                    setattr(self, name, facts[name])
        unread = [name for name in self.text_columns if name in first.values and name not in self.training_specs()]
        if unread:
            raise UserError(
                f"{first.where()}: this model does not read {unread[0]!r}: it was made, or first trained, without it. "
                "Leave it out, or make the model anew."
            )


def _is_auto(given: Any) -> bool:
    return isinstance(given, str) and given == "auto"


def _unpacked(data: Any) -> tuple[Any, ...]:
    """Validation data as ``(x, y, sample_weight)``."""
    if isinstance(data, tuple) and 2 <= len(data) <= 3 and not isinstance(data[0], str):
        return data
    return (data,)
