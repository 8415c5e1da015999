"""What translation reads, and its options."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from bert_tf.config import Section
from bert_tf.data.schema import Examples, TaskSchema


class Options(Section):
    """The options of translation."""

    decoder_layers: int | None = Field(None, ge=1, description="layers of the decoder (default: the encoder's)")
    decoder_hidden_dim: int | None = Field(None, ge=8, description="width of the decoder (default: the encoder's)")
    decoder_heads: int | None = Field(None, ge=1, description="attention heads of the decoder (default: the encoder's)")
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout in the decoder")
    freeze_encoder: bool = Field(False, description="train the decoder alone")
    initialise_decoder: bool = Field(False, description="begin with the encoder's weights in the decoder (BERT2BERT)")
    vocabulary_size: int = Field(8000, ge=100, description="target vocabulary, learned from the training translations")
    lowercase_targets: bool = Field(False, description="write lower-case only")
    label_smoothing: float = Field(0.1, ge=0, lt=1, description="share of the target that is spread over all tokens")
    max_target_length: int = Field(128, ge=2, description="longest translation in tokens")
    beam_size: int = Field(4, ge=1, description="beams of the search (1: greedy)")
    length_penalty: float = Field(0.6, ge=0, description="how much longer translations are favoured (0: not at all)")
    bleu_tokenize: Literal["auto", "13a", "intl", "zh", "char", "none"] = Field(
        "auto", description="sacrebleu's tokeniser for BLEU (auto: by the script of the references)"
    )


class TranslationSchema(TaskSchema):
    """Columns and options of translation."""

    Options = Options
    examples: ClassVar[Examples] = (
        {"text": "Good morning.", "translation": "早上好。"},
        {"text": "Thank you.", "translation": "谢谢。"},
    )
    score_names: ClassVar[tuple[str, ...]] = ("bleu", "chrf", "loss", "perplexity", "mean_score")
    text_columns: ClassVar[tuple[str, ...]] = ("text",)
    target_columns: ClassVar[tuple[str, ...]] = ("translation",)
    class_column: ClassVar[str | None] = None


SCHEMA = TranslationSchema
