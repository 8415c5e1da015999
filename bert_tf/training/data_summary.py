"""What the training data holds, said before training and kept in the run: examples, labels, texts that are cut off."""

from __future__ import annotations

import logging
import math
import random
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from bert_tf.data.batching import LabelledRows, longest_of, text_arrays
from bert_tf.data.records import Row
from bert_tf.tasks.task import TextTask

logger = logging.getLogger("bert_tf")

SAMPLE = 2000
"""Records whose texts are tokenised to see how many are too long."""
MANY_TIMES = 10
"""A label that is this many times as frequent as another one is worth a warning."""
_LABELS_SHOWN = 12


class DataSummary:
    """Counts training records, in memory that does not grow with their number.

    Args:
        seed: decides which texts are tokenised, where there are more than ``SAMPLE``.

    Attributes:
        validation: number of validation records; ``None`` without validation data.
        test: number of test records, likewise.
        metrics: names of the scores on the validation data.
    """

    def __init__(self, seed: int = 0) -> None:
        self.validation: int | None = None
        self.test: int | None = None
        self.metrics: Collection[str] = ()
        self._random = random.Random(seed)
        self._examples = 0
        self._labels: Counter[str] = Counter()
        self._numbers: list[float] = []  # how many, the least, their sum, the most
        self._sample: list[Row] = []
        self._complete = False
        self._cut: dict[str, Any] = {}

    def add(self, row: Row, counted: Iterable[str | float]) -> None:
        """Counts one record; ``counted`` is from :meth:`bert_tf.tasks.task.TextTask.counted`."""
        self._examples += 1
        for value in counted:
            if isinstance(value, str):
                self._labels[value] += 1
            else:
                number, low, total, high = self._numbers or (0, value, 0.0, value)
                self._numbers = [number + 1, min(low, value), total + value, max(high, value)]
        if len(self._sample) < SAMPLE:
            self._sample.append(row)
        elif (place := self._random.randrange(self._examples)) < SAMPLE:  # Vitter 1985, algorithm R
            self._sample[place] = row

    def watch(self, rows: LabelledRows) -> LabelledRows:
        """The same rows; they are counted in the first pass over them."""
        return _Watched(rows.records, rows.encoder, rows.on_unknown_label, self)

    def finish(self, task: TextTask, name: str, options: Mapping[str, Any]) -> None:
        """Logs the summary, once the records are counted.

        Args:
            task: the model that is about to be trained.
            name: of the task, as ``--task`` takes it.
            options: the arguments of its constructor.
        """
        for label in task.label_names() or ():
            self._labels.setdefault(label, 0)
        self._cut = _cut_off([row.values for row in self._sample], task, self._examples > SAMPLE)
        self._sample = []
        lines = [self._first_line(), *self._about_targets(task), *task.remarks(), *_about_length(self._cut, task, name)]
        logger.info("%s", "\n  ".join(lines))
        for warning in self._warnings(options):
            logger.warning("%s", warning)

    def facts(self) -> dict[str, Any]:
        """The summary as JSON, for ``environment.json``."""
        facts: dict[str, Any] = {"examples": self._examples}
        if self.validation is not None:
            facts["validation_examples"] = self.validation
        if self.test is not None:
            facts["test_examples"] = self.test
        if self._labels:
            facts["labels"] = dict(self._ordered())
        if self._numbers:
            number, low, total, high = self._numbers
            facts["numbers"] = {"min": low, "mean": total / number, "max": high}
        return facts | ({"lengths": self._cut} if self._cut else {})

    def _ordered(self) -> list[tuple[str, int]]:
        return self._labels.most_common()

    def _first_line(self) -> str:
        held_out = "no validation data: the last epoch is kept"
        if self.validation is not None:
            held_out = f"validation: {self.validation:,}"
        if self.test is not None:
            held_out += f"; test: {self.test:,}"
        return f"training data: {self._examples:,} examples; {held_out}"

    def _about_targets(self, task: TextTask) -> list[str]:
        lines = []
        if self._labels:
            total = max(1, self._examples if task.counts == "labels" else self._labels.total())
            shown = [f"{label}: {count:,} ({_share(count / total)})" for label, count in self._ordered()]
            if len(shown) > _LABELS_SHOWN:
                left = len(shown) - _LABELS_SHOWN
                shown[_LABELS_SHOWN - 3 : -3] = [f"… {left} more …"]
            lines.append(f"{task.counts}  {', '.join(shown)}")
        if self._numbers:
            number, low, added_up, high = self._numbers
            lines.append(f"numbers: from {low:g} to {high:g}, mean {added_up / number:.4g}")
        return lines

    def _warnings(self, options: Mapping[str, Any]) -> list[str]:
        warnings = []
        present = [(label, count) for label, count in self._ordered() if count]
        absent = [label for label, count in self._ordered() if not count]
        if absent:
            warnings.append(f"no training example has {', '.join(map(repr, absent[:5]))} of --data.labels.")
        if len(present) > 1 and options.get("class_weights") == "none":
            (most, many), (least, few) = present[0], present[-1]
            if many >= MANY_TIMES * few:
                warnings.append(
                    f"the labels are imbalanced: {most!r} is {many / few:.0f} times as frequent as {least!r}. With "
                    "--head.class_weights balanced every label counts alike."
                )
        return warnings


@dataclass(frozen=True)
class _Watched(LabelledRows):
    summary: DataSummary | None = None

    def __iter__(self) -> Iterator[tuple[Row, Any]]:
        summary = self.summary
        if summary is None or summary._complete:
            yield from super().__iter__()
            return
        for row, target in super().__iter__():
            summary.add(row, self.encoder.counted(row, target))
            yield row, target
        summary._complete = True


def _cut_off(sample: Sequence[Mapping[str, Any]], task: TextTask, is_sample: bool) -> dict[str, Any]:
    """Tokens of the texts and the share of them that is not read whole; empty for tasks that read all of any text."""
    limit = task.text_limit()
    if limit is None or not sample:
        return {}
    lengths: list[int] = []
    for start in range(0, len(sample), 256):
        rows = sample[start : start + 256]
        columns = {name: text_arrays([row[name] for row in rows], spec) for name, spec in task.training_specs().items()}
        with task.preprocessor.unlimited():
            encoded = task.encode({name: tf.constant(texts) for name, texts in columns.items()})
        lengths.extend(longest_of(next(iter(encoded.values()))).numpy().tolist())
    return {
        "limit": limit[0],
        "texts": len(lengths),
        "sampled": is_sample,
        "mean": float(np.mean(lengths)),
        "p99": int(np.percentile(lengths, 99, method="higher")),
        "max": max(lengths),
        "cut_off": float(np.mean(np.array(lengths) > limit[0])),
    }


def _about_length(cut: Mapping[str, Any], task: TextTask, name: str) -> list[str]:
    limit = task.text_limit()
    if not cut or not cut["cut_off"] or limit is None:
        return []
    about = "about " if cut["sampled"] else ""
    told = f"{about}{_share(cut['cut_off'])} of the texts are longer than {limit[0]} tokens and lose their end"
    wanted = math.ceil(cut["p99"] / 8) * 8
    if limit[1] != "--data.sequence_length":
        return [f"{told}: {limit[1]} sets how much is read"]
    most = getattr(task.backbone, "max_sequence_length", None) or wanted
    if most <= limit[0]:
        longer = "; --task document_classification reads longer texts" if name == "classification" else ""
        return [f"{told}; the backbone reads no more{longer}"]
    reach = "holds 99 % of them" if wanted <= most else "is the most that the backbone reads"
    return [f"{told}: --data.sequence_length {min(wanted, most)} {reach}"]


def _share(share: float) -> str:
    return f"{100 * share:.1f} %" if 0 < share < 0.1 else f"{100 * share:.0f} %"
