"""Records to train on as a program gives them to ``fit``: texts and labels, records, ``tf.data``, data specs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from bert_tf.config import DataConfig
from bert_tf.data.files import suffix
from bert_tf.data.labels import number_of
from bert_tf.data.records import Records, Row, is_missing, text_of
from bert_tf.data.schema import TaskSchema
from bert_tf.data.sources import open_records, schemes
from bert_tf.errors import UserError

SAMPLE_WEIGHT = "sample_weight"
"""The column of the examples' weights."""


def training_records(
    schema: TaskSchema | type[TaskSchema],
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    options: Any,
    labels: Sequence[str] | None = None,
) -> Records:
    """The records of a task in what a caller gave, each checked when it is read.

    Args:
        schema: of the task; a task and its class are schemas too.
        x: texts (a list, an array, a Series); pairs of texts; records, which map columns to values (a list, a
            DataFrame); a mapping from column to a list of values; a ``tf.data.Dataset`` of any of these with or without
            ``y``; or, without ``y``, data specs such as ``train.tsv``, ``["a.tsv", "b.tsv"]`` and ``demo:zh_reviews``.
        y: what is to be learned of each, where the records do not hold it: labels by name, or the numbers of the
            classes in the order of ``labels``.
        sample_weight: how much each example counts.
        options: the head's options, or the task itself.
        labels: the label names by class index, where they are known.

    Raises:
        UserError: it is none of these, or (when read) a record does not fit the task.
    """
    specs = _specs(x, schema) if y is None else []
    if specs:
        if sample_weight is not None:
            raise UserError(f"sample_weight: give it as a column {SAMPLE_WEIGHT} of {', '.join(specs)}.")
        records = _opened(schema, specs)
    else:
        records = _given(schema, x, y, sample_weight, labels)
    return schema.read_labels(records, options)


def texts_of(records: Records, schema: TaskSchema | type[TaskSchema]) -> Iterator[str]:
    """All texts of the records, from which a ``scratch:`` backbone's vocabulary is learned."""
    for row in records:
        for name in dict.fromkeys((*schema.text_columns, *schema.list_columns)):
            value = row.values.get(name, [])
            yield from [value] if isinstance(value, str) else value


def _opened(schema: TaskSchema | type[TaskSchema], specs: list[str]) -> Records:
    config = DataConfig(train=specs)
    first = schema.text_columns[0]
    return open_records(
        specs,
        columns=config.columns,
        required=(first, *schema.target_columns),
        optional=schema.text_columns[1:],
        text_columns=schema.text_columns,
        without_target=schema.without_target,
        source_columns=schema.source_columns,
        prepare=schema.prepare,
    )


def _specs(x: Any, schema: TaskSchema | type[TaskSchema]) -> list[str]:
    """The data specs that ``x`` is; empty if it is something else.

    Raises:
        UserError: it is texts, but there is nothing to learn about them.
    """
    if isinstance(x, str | os.PathLike):
        x = [x]
    if not isinstance(x, list | tuple) or not x or not all(isinstance(one, str | os.PathLike) for one in x):
        return []
    specs = [os.fspath(one) for one in x]
    if all(map(_is_spec, specs)):
        return specs
    if schema.target_columns:
        raise UserError(
            f"{specs[0]!r:.60} is no data spec, and of a text there is nothing to learn without y: give "
            f"fit(texts, {schema.target_columns[0]}s), records with {_columns(schema)}, or data specs such as "
            '"train.tsv".'
        )
    return []


def _is_spec(text: str) -> bool:
    scheme, colon, _ = text.partition(":")
    return bool(colon and scheme in schemes()) or (len(text) < 500 and bool(suffix(text)) and " " not in suffix(text))


def _columns(schema: TaskSchema | type[TaskSchema]) -> str:
    return ", ".join(map(repr, (*schema.required_columns(), *schema.target_columns)))


def _given(
    schema: TaskSchema | type[TaskSchema], x: Any, y: Any, sample_weight: Any, labels: Sequence[str] | None
) -> Records:
    examples, count = _examples(x, y, sample_weight, in_columns=len(schema.text_columns) > 1)

    def rows() -> Iterator[Row]:
        for number, (given, target, weight) in enumerate(examples(), start=1):
            where = f"record {number}"
            values = schema.values_of(given, target)
            if "label" in values:
                values["label"] = named_target(values["label"], schema, labels, where)
            if weight is not None:
                values[SAMPLE_WEIGHT] = weight
            yield _checked(schema.prepare(Row("record", number, values, str(number))), schema)

    return Records("the training data", rows, count)


def _checked(row: Row, schema: TaskSchema | type[TaskSchema]) -> Row:
    values = row.values
    for name in (*schema.required_columns(), *schema.target_columns):
        if name not in values:
            hint = f" {schema.without_target}" if name in schema.target_columns else ""
            raise UserError(
                f"{row.where()}: there is no {name!r}; a record to train on has {_columns(schema)}; this one has "
                f"{', '.join(map(repr, values))}.{hint}"
            )
    for name in schema.text_columns:
        if name in values:
            values[name] = text_of(row, name)
    for name in schema.target_columns:
        if is_missing(values[name]) and not isinstance(values[name], str):
            raise UserError(f"{row.where()}: the {name} is empty. Fill it in or remove the record.")
    return row


Examples = Callable[[], Iterator[tuple[Any, Any, Any]]]
"""Starts a new pass over ``(x, y, sample weight)``, ``None`` where there is none."""


def _examples(x: Any, y: Any, sample_weight: Any, *, in_columns: bool) -> tuple[Examples, int | None]:
    """The examples, and their number where it is known without a pass.

    Args:
        x: see :func:`training_records`, as the next two.
        y: or ``None``.
        sample_weight: or ``None``.
        in_columns: a tuple of lists is one list for each column, as KerasHub takes pairs.
    """
    if hasattr(x, "element_spec") and hasattr(x, "cardinality"):
        if y is not None or sample_weight is not None:
            raise UserError("y and sample_weight are part of a tf.data.Dataset: let it give (x, y, sample_weight).")
        if int(x.cardinality()) == -1:  # tf.data.INFINITE_CARDINALITY
            raise UserError("The dataset has no end: give it without repeat(); epochs says how often it is read.")
        return lambda: dataset_examples(x, in_columns), None
    if x is None:
        raise UserError("fit needs data: texts and labels, records, a tf.data.Dataset or data specs.")
    if isinstance(x, Iterator):
        raise UserError("A generator can be read once only, and training reads often: give a list of what it yields.")
    several = _several(x, in_columns)
    targets = [None] * len(several) if y is None else _listed(y)
    weights = [None] * len(several) if sample_weight is None else _listed(sample_weight)
    for name, values in (("y", targets), ("sample_weight", weights)):
        if len(values) != len(several):
            raise UserError(f"{len(several)} records, but {name} has {len(values)}.")
    return lambda: zip(several, targets, weights, strict=True), len(several)


def _several(x: Any, in_columns: bool) -> list[Any]:
    """The records of what was given in memory."""
    if hasattr(x, "to_dict") and hasattr(x, "columns"):
        return x.to_dict("records")  # of a DataFrame
    if isinstance(x, Mapping):
        columns = {name: _listed(values) for name, values in x.items()}
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) > 1:
            found = ", ".join(f"{name} {count}" for name, count in lengths.items())
            raise UserError(f"The columns differ in their number of records: {found}.")
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    if in_columns and isinstance(x, tuple) and not any(isinstance(one, str | bytes | tuple | Mapping) for one in x):
        return list(zip(*map(_listed, x), strict=True))
    return _listed(x)


def _listed(values: Any) -> list[Any]:
    """A list, a tuple, an array, a tensor or a Series as a list of plain values."""
    if isinstance(values, str | bytes | Mapping):
        raise UserError(f"Give a list, not {values!r:.60}.")
    values = _plain(values)
    if not isinstance(values, Iterable):
        raise UserError(f"Give a list of texts or records, not {values!r:.60}.")
    return list(values)


def _plain(value: Any) -> Any:
    """Tensors, arrays and bytes as lists, numbers and strings."""
    if hasattr(value, "to_list") and hasattr(value, "row_lengths"):
        value = value.to_list()  # a ragged tensor
    value = value.numpy() if hasattr(value, "numpy") else value
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple) and not all(type(one) is str for one in value):
        return type(value)(map(_plain, value)) if type(value) in (list, tuple) else value
    return value


def dataset_examples(dataset: Any, in_columns: bool = True) -> Iterator[tuple[Any, Any, Any]]:
    """``(x, y, sample weight)`` of each example of a ``tf.data.Dataset``, of batches or of single examples."""
    for element in dataset:
        parts = element if isinstance(element, tuple) else (element,)
        if len(parts) > 3:
            raise UserError("A tf.data.Dataset gives records, (x, y) or (x, y, sample_weight).")
        x, y, weight = (*parts, None, None)[:3]
        if not _is_batch(x):
            yield _plain(x), _plain(y), _plain(weight)
            continue
        several = _several(x, in_columns)
        targets = [None] * len(several) if y is None else _listed(y)
        weights = [None] * len(several) if weight is None else _listed(weight)
        yield from zip(several, targets, weights, strict=True)


def _is_batch(x: Any) -> bool:
    """Whether an element of a dataset is several examples: it is one if its first text is a single string."""
    if isinstance(x, Mapping):
        ranks = {name: len(value.shape) for name, value in x.items()}
        listed = [ranks[name] - 1 for name in ("tokens", "choices") if name in ranks]
        single = [ranks[name] for name in ("text", "question", "context") if name in ranks]
        return max(single or listed or ranks.values()) > 0
    return len((x[0] if isinstance(x, tuple) else x).shape) > 0


def named_target(target: Any, schema: TaskSchema | type[TaskSchema], labels: Sequence[str] | None, where: str) -> Any:
    """A target with names in place of class numbers.

    Numbers are names where all labels are numbers; else they count the labels from 0. A list of as many zeros and ones
    as there are labels says which of them are right.

    Args:
        target: as the caller gave it.
        schema: of the task.
        labels: the label names by class index; ``None`` if they are not known.
        where: the record, for messages.

    Raises:
        UserError: there is no class of that number.
    """
    if labels is None or schema.class_column != "label":
        return target
    are_numbers = all(number_of(label) is not None for label in labels)
    may_be_names = are_numbers and isinstance(target, list) and len(set(target)) == len(target)  # names do not repeat
    if not may_be_names and _is_zeros_and_ones(target, len(labels)):
        return [label for label, is_right in zip(labels, target, strict=True) if is_right]
    if are_numbers:
        return target
    if isinstance(target, float) and target.is_integer():
        target = int(target)
    if not isinstance(target, int) or isinstance(target, bool):
        return target
    if not 0 <= target < len(labels):
        raise UserError(f"{where}: there is no class {target}: the {len(labels)} labels are counted from 0.")
    return labels[target]


def _is_zeros_and_ones(target: Any, length: int) -> bool:
    if not isinstance(target, list) or len(target) != length:
        return False
    return all(type(value) in (int, float, bool) and value in (0, 1) for value in target)
