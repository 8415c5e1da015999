"""The typed config of corpus preparation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from bert_tf.config import DataSpec, Encoding, Section, TextCleaningConfig
from bert_tf.pretraining.pretraining_config import CorpusConfig


class FilterConfig(Section):
    """Which documents are dropped. Shares are of the characters that can be seen."""

    min_characters: int = Field(10, ge=1, description="shortest document")
    max_characters: int | None = Field(None, ge=1, description="longest document (none: no limit)")
    min_letters: float = Field(0.5, ge=0, le=1, description="smallest share of letters, of any script")
    min_chinese: float = Field(0.0, ge=0, le=1, description="smallest share of Chinese characters")
    max_repeated_lines: float = Field(
        0.5, ge=0, le=1, description="largest share of lines that stand in the document before"
    )


class DeduplicationConfig(Section):
    """Which documents are too much like an earlier one."""

    exact: bool = Field(True, description="of equal documents, keep the first")
    near: bool = Field(True, description="drop a document that nearly equals an earlier one (MinHash)")
    threshold: float = Field(0.8, gt=0, le=1, description="nearly equal: estimated Jaccard similarity of shingles")
    permutations: int = Field(128, ge=16, le=1024, description="hashes of a signature: more estimate better, cost more")
    shingle: int = Field(5, ge=1, description="characters of a shingle")


class PreparationConfig(Section):
    """From raw text to a folder that ``pretrain`` reads."""

    data: DataSpec = Field(..., description="text: paths, globs, tfds:NAME or demo:NAME")
    columns: dict[str, str] = Field(default_factory=dict, description="--columns.text NAME: the column to read")
    encoding: Encoding = Field(
        "auto",
        description="of text files, such as gb18030 (auto: UTF-8, or what the bytes are most probably)",
        json_schema_extra={"other_flags": ["--data.encoding"]},
    )
    exclude: DataSpec = Field(
        default_factory=list,
        description="texts, such as test sets, that must not come in, nor be quoted or retold",
    )
    exclude_columns: list[str] = Field(["text"], min_length=1, description="the columns of --exclude that hold texts")
    exclude_splits_of: list[str] = Field(
        default_factory=list, description="configs of experiments whose validation and test texts must not come in"
    )
    output: str = Field(..., description="folder to create")
    format: Literal["text", "examples"] = Field(
        "text", description="text: documents (JSONL); examples: tokenised and ready to train (TFRecord)"
    )
    vocabulary: str | None = Field(None, description="examples: vocab.txt of the model")
    lowercase: bool = Field(True, description="examples: lower-case and strip accents, as the model does")
    sequence_length: int = Field(128, ge=8, description="examples: length of an example in tokens")
    validation_ratio: float = Field(
        0.02, ge=0, lt=1, description="examples: share of the documents held out, by their hash"
    )
    seed: int = Field(42, ge=0, lt=2**31, description="decides shards, the documents held out, and pairs")
    corpus: CorpusConfig = Field(default_factory=CorpusConfig)
    cleaning: TextCleaningConfig = Field(default_factory=TextCleaningConfig)
    filters: FilterConfig = Field(default_factory=FilterConfig)
    deduplication: DeduplicationConfig = Field(default_factory=DeduplicationConfig)
    processes: int = Field(1, ge=1, description="processes on this machine; any number gives the same files")
    runner: str = Field(
        "local", description="local, or one of Apache Beam's: DirectRunner, DataflowRunner, FlinkRunner, SparkRunner"
    )

    @model_validator(mode="after")
    def _examples_alone_need_a_vocabulary(self) -> PreparationConfig:
        if self.format == "text" and self.vocabulary is not None:
            raise ValueError(
                "--vocabulary tokenises, and --format text writes documents: add --format examples, or leave the "
                "vocabulary to pretrain"
            )
        if self.format == "examples" and self.vocabulary is None:
            raise ValueError(
                "--format examples needs --vocabulary vocab.txt (make one with: python -m bert_tf.vocab; a preset has "
                "its own in assets/tokenizer/vocabulary.txt)"
            )
        return self
