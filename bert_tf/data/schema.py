"""What a task reads of a record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from pydantic import BaseModel

from bert_tf.config import OnBadSequence
from bert_tf.data.labels import Spellings, read_label, with_labels
from bert_tf.data.records import Records, Row

Examples = tuple[Mapping[str, Any], ...]
"""Records: column to value."""


class TaskSchema:
    """The columns and the options of a task, known without TensorFlow.

    Attributes:
        Options: pydantic model of the ``--head.*`` options; its fields are keyword arguments of the constructor.
        text_columns: record columns that hold text, the first one required.
        training_only: those of them that validation and test data need not have.
        list_columns: record columns that hold a list of texts.
        target_columns: record columns that hold what is to be learned; absent when predicting.
        source_columns: further columns that :meth:`prepare` reads; ``--data.columns.NAME`` may rename them.
        class_column: the column by which splits are stratified and conflicting labels found; ``None`` without classes.
        score_names: the scores that its evaluation can give, each of which may choose the best epoch.
        has_labels: its answers are of labels, so ``--data.labels`` may give their order.
        keeps_text: the answers point into the text, so only the model cleans it: a record keeps its text.
        learns_from_records: it is trained on records; else pre-training makes its model.
        without_target: what to say where data lacks a target column.
        works_untrained: a backbone answers without training, so commands take ``--backbone`` instead of ``--run``.
        examples: a few records as a file has them, which show what the task reads; every task is tested with its own.
    """

    Options: ClassVar[type[BaseModel]]
    text_columns: ClassVar[tuple[str, ...]] = ("text", "text_pair")
    training_only: ClassVar[tuple[str, ...]] = ()
    list_columns: ClassVar[tuple[str, ...]] = ()
    target_columns: ClassVar[tuple[str, ...]] = ("label",)
    source_columns: ClassVar[tuple[str, ...]] = ()
    class_column: ClassVar[str | None] = "label"
    score_names: ClassVar[tuple[str, ...]] = ()
    has_labels: ClassVar[bool] = False
    keeps_text: ClassVar[bool] = False
    learns_from_records: ClassVar[bool] = True
    without_target: ClassVar[str] = "Data without it, such as a published test set, is for predict."
    works_untrained: ClassVar[bool] = False
    examples: ClassVar[Examples] = ()

    @classmethod
    def needs_validation(cls, options: BaseModel) -> str | None:
        """The option, as a flag with its value, that is chosen on validation data and means nothing without them."""
        return None

    @classmethod
    def fewest_rows(cls, options: BaseModel) -> int:
        """Examples that the loss needs at once."""
        return 1

    @classmethod
    def prepare(cls, row: Row) -> Row:
        """Puts a record as its source gave it into the columns of this task; most tasks have nothing to do.

        Raises:
            UserError: the record does not fit the task.
        """
        return row

    @classmethod
    def required_columns(cls) -> tuple[str, ...]:
        """The text columns that every record has."""
        return cls.text_columns[:1]

    @classmethod
    def values_of(cls, given: Any, target: Any = None) -> dict[str, Any]:
        """The columns of one record that a program gave, before :meth:`prepare`.

        Args:
            given: a mapping, one text, or texts in the order of the columns.
            target: what is to be learned of it; ``None`` if ``given`` holds it, or there is nothing.
        """
        if isinstance(given, Mapping):
            values = dict(given)
        elif isinstance(given, list | tuple):
            values = dict(zip(cls.text_columns, given, strict=False))
        else:
            values = {cls.text_columns[0]: given}
        if target is not None:
            values[cls.target_columns[0] if cls.target_columns else "label"] = target
        return values

    @classmethod
    def check_records(cls, records: Records, facts: Mapping[str, Any], on_bad_sequence: OnBadSequence) -> Records:
        """The records that fit what the training records decided; those of most tasks all do.

        Args:
            records: to train or to evaluate on.
            facts: constructor arguments of the task.
            on_bad_sequence: of the config's data section.

        Raises:
            UserError: some do not fit, and the config does not say what to do.
        """
        return records

    @classmethod
    def label_reader(cls, options: Any) -> Callable[[Row, Spellings], Row] | None:
        """What gives one record with its label in the spelling that it has everywhere.

        Args:
            options: as of :meth:`read_labels`.

        Returns:
            ``None`` if there are no labels, or if one record does not tell how they are spelled.
        """
        return read_label if cls.class_column == "label" else None

    @classmethod
    def read_labels(cls, records: Records, options: Any) -> Records:
        """The records with each label in the one spelling that it has everywhere.

        Args:
            records: that went through :meth:`prepare`.
            options: the ``--head.*`` options, or the task itself.

        Raises:
            UserError: (when read) a label is none.
        """
        reader = cls.label_reader(options)
        return records if reader is None else with_labels(records, reader)
