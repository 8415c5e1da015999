"""What sentence embeddings reads, and its options."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, Field

from bert_tf.config import Section
from bert_tf.data.schema import Examples, TaskSchema


class Options(Section):
    """The options of sentence embeddings."""

    loss: Literal["contrastive", "cosent", "cosine", "triplet", "simcse"] = Field(
        "contrastive", description="contrastive and triplet: pairs; cosent and cosine: scored pairs; simcse: texts"
    )
    pooling: Literal["mean", "cls"] = Field("mean", description="mean over the tokens, or the first token's vector")
    temperature: float = Field(0.05, gt=0, description="divides the cosines in contrastive, cosent and simcse")
    margin: float = Field(0.3, gt=0, le=2, description="of the triplet loss, in cosine")


class EmbeddingSchema(TaskSchema):
    """Columns and options of sentence embeddings."""

    Options = Options
    examples: ClassVar[Examples] = (
        {"text": "How do I reset my password?", "text_pair": "Choose 'Forgotten password' on the first page."},
        {"text": "怎么退货？", "text_pair": "七天之内可以退货。"},
    )
    score_names: ClassVar[tuple[str, ...]] = (
        "score",
        "spearman",
        "pearson",
        "recall@1",
        "recall@5",
        "recall@10",
        "mrr",
        "ndcg@10",
    )
    text_columns: ClassVar[tuple[str, ...]] = ("text", "text_pair", "negative")
    training_only: ClassVar[tuple[str, ...]] = ("negative",)
    target_columns: ClassVar[tuple[str, ...]] = ()
    source_columns: ClassVar[tuple[str, ...]] = ("label",)
    class_column: ClassVar[str | None] = None
    works_untrained: ClassVar[bool] = True

    @classmethod
    def fewest_rows(cls, options: BaseModel) -> int:
        """Losses that compare the examples of a batch with each other need two."""
        return 2 if getattr(options, "loss", None) in ("contrastive", "cosent", "simcse") else 1


SCHEMA = EmbeddingSchema
