"""What tagging reads, and its options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from bert_tf.config import OnBadSequence, Section
from bert_tf.data.entity_records import hold_to_scheme, read_entities
from bert_tf.data.records import Records, Row
from bert_tf.data.schema import Examples, TaskSchema
from bert_tf.data.span_records import with_spans

Decoder = Literal["softmax", "crf", "span"]
LabelPieces = Literal["first", "all"]


_MEANS = tuple(f"{mean}_{kind}" for mean in ("macro", "weighted") for kind in ("precision", "recall", "f1"))


class Options(Section):
    """The options of tagging."""

    decoder: Decoder = Field(
        "softmax", description="softmax, crf, or span, which finds nested and overlapping entities"
    )
    label_wordpieces: LabelPieces = Field("first", description="of a word's wordpieces, the first decides or all do")
    words: Literal["auto", "spaces", "punctuation"] = Field(
        "auto", description="what parts words; auto: spaces where the data has tokens, else punctuation too"
    )
    scheme: Literal["auto", "io", "iob1", "iob2", "bioes"] = Field(
        "auto",
        description="of tags (io: equal types in a row are one entity); --data.on_bad_sequence says what happens where "
        "one does not fit (io, iob1: all fit)",
    )
    overlap: int = Field(64, ge=0, description="pieces that two windows of a text longer than the model share")
    head_size: int = Field(64, ge=2, multiple_of=2, description="span: size of the vectors whose product is taken")
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout before the last layer")


class TaggingSchema(TaskSchema):
    """Columns and options of tagging."""

    Options = Options
    examples: ClassVar[Examples] = (
        {"text": "Ada lives in London.", "spans": [[0, 3, "person"], [13, 19, "place"]]},
        {"text": "江泽民在北京。", "spans": [[0, 3, "person"], [4, 6, "place"]]},
    )
    has_labels: ClassVar[bool] = True
    score_names: ClassVar[tuple[str, ...]] = ("precision", "recall", "f1", "boundary_f1", *_MEANS, "token_accuracy")
    text_columns = ("text",)
    target_columns = ("spans",)
    source_columns = ("tokens", "tags", "label")
    class_column = None
    keeps_text = True

    @classmethod
    def values_of(cls, given: Any, target: Any = None) -> dict[str, Any]:
        """A list of tokens, or a text, with a list of tags or of spans.

        Tags of a text are of its characters, or of the words between its spaces.
        """
        if isinstance(given, list | tuple):
            given = {"tokens": list(given)}
        values = super().values_of(given)
        if target is None:
            return values
        tags = isinstance(target, list | tuple) and any(isinstance(one, str) for one in target)
        if not tags:
            return {**values, "spans" if "tokens" not in values else "tags": target}
        if "tokens" not in values and isinstance(text := values.get("text"), str):
            words = text.split()
            values["tokens"] = words if len(words) == len(target) else list(text)
        return {**values, "tags": target}

    @classmethod
    def prepare(cls, row: Row) -> Row:
        return with_spans(row)

    @classmethod
    def read_labels(cls, records: Records, options: Any) -> Records:
        return read_entities(records, options.scheme)

    @classmethod
    def check_records(cls, records: Records, facts: Mapping[str, Any], on_bad_sequence: OnBadSequence) -> Records:
        return hold_to_scheme(records, facts["scheme"], on_bad_sequence)


SCHEMA = TaggingSchema
