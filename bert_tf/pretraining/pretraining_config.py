"""The typed config of a pre-training run."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from bert_tf.config import (
    DataConfig,
    DataSpec,
    Encoding,
    ExperimentConfig,
    RunConfig,
    ScratchConfig,
    Section,
    TrainingConfig,
)


class CorpusConfig(Section):
    """How texts become examples."""

    objective: Literal["nsp", "sop", "mlm"] = Field(
        "nsp", description="beside masked tokens: next sentence (BERT), sentence order (ALBERT), nothing (RoBERTa)"
    )
    packing: bool = Field(True, description="mlm: fill every example with several documents (else one document each)")
    short_sequence_ratio: float = Field(
        0.1, ge=0, le=1, description="share of nsp and sop examples that are shorter on purpose"
    )
    duplicates: int = Field(1, ge=1, description="times that the corpus is cut into examples, each time otherwise")
    segmenter: Literal["none", "rjieba"] = Field(
        "none", description="marks Chinese words, for whole-word masking (rjieba: pip install 'bert-tf[chinese]')"
    )
    shards: int = Field(8, ge=1, description="files that the examples are written to")


class MaskingConfig(Section):
    """What is hidden from the model."""

    unit: Literal["token", "word", "ngram", "span"] = Field(
        "token", description="what is masked as a whole: BERT, whole-word BERT, MacBERT, SpanBERT"
    )
    rate: float = Field(0.15, gt=0, lt=1, description="share of the tokens that are to be predicted")
    mask_ratio: float = Field(0.8, ge=0, le=1, description="of these, the share that [MASK] replaces")
    random_ratio: float = Field(0.1, ge=0, le=1, description="of these, the share that a random token replaces")


class PretrainingRecipe(TrainingConfig):
    """The training section, with defaults for pre-training."""

    epochs: int = Field(10, ge=1, description="passes over the examples, masked anew each time")
    batch_size: int = Field(64, ge=1, description="examples per weight update, over all devices")
    learning_rate: float = Field(1e-4, gt=0, description="peak learning rate")
    dropout: float | None = Field(
        None, ge=0, lt=1, description="dropout in the backbone while pre-training (none: the backbone's own)"
    )

    @field_validator("metrics")
    @classmethod
    def _no_extra_metrics(cls, metrics: list[str]) -> list[str]:
        if metrics:
            raise ValueError("extra metrics are of tasks; pre-training has none")
        return metrics


class PretrainingConfig(RunConfig):
    """One pre-training run: backbone × corpus × masking × training recipe."""

    kind: ClassVar[str] = "pretraining"

    backbone: str = Field(..., description="scratch:SIZE, or any backbone whose pre-training goes on")
    data: DataSpec = Field(..., description="text: paths, globs, tfds:NAME or demo:NAME")
    columns: dict[str, str] = Field(default_factory=dict, description="--columns.text NAME: the column to read")
    encoding: Encoding = Field(
        "auto",
        description="of text files, such as gb18030 (auto: UTF-8, or what the bytes are most probably)",
        json_schema_extra={"other_flags": ["--data.encoding"]},
    )
    validation: DataSpec | None = Field(None, description="held-out text (default: a share of --data)")
    validation_ratio: float = Field(0.02, ge=0, lt=1, description="share of the documents held out, by their hash")
    exclude_splits_of: list[str] = Field(
        default_factory=list,
        description="configs of experiments whose validation and test texts, and near duplicates, stay out",
    )
    sequence_length: int = Field(128, ge=8, description="length of an example in tokens")
    curriculum: list[str] | None = Field(
        None, description="lengths one after the other, LENGTH:EPOCHS, such as 128:9 512:1: sets length and epochs"
    )
    corpus: CorpusConfig = Field(default_factory=CorpusConfig)
    masking: MaskingConfig = Field(default_factory=MaskingConfig)
    scratch: ScratchConfig = Field(default_factory=ScratchConfig)
    training: PretrainingRecipe = Field(default_factory=PretrainingRecipe)

    @model_validator(mode="after")
    def _curriculum_decides(self) -> PretrainingConfig:
        if self.curriculum is not None:
            stages = self.stages()
            self.__dict__["sequence_length"] = max(length for length, _ in stages)
            epochs = sum(epochs for _, epochs in stages)
            self.__dict__["training"] = self.training.model_copy(update={"epochs": epochs})
        return self

    def stages(self) -> list[tuple[int, int]]:
        """``(sequence length, epochs)`` of what is trained one after the other."""
        if self.curriculum is None:
            return [(self.sequence_length, self.training.epochs)]
        stages = []
        for text in self.curriculum:
            length, _, epochs = text.partition(":")
            if not (length.isdecimal() and epochs.isdecimal() and int(length) >= 8 and int(epochs) >= 1):
                raise ValueError(f"curriculum: {text!r} is not LENGTH:EPOCHS, such as 128:9 (a length of 8 or more)")
            stages.append((int(length), int(epochs)))
        if not stages:
            raise ValueError("curriculum: give at least one LENGTH:EPOCHS")
        return stages

    def metrics(self) -> list[str]:
        """Names of the scores on held-out text, each of which may choose the best epoch."""
        pairs = [] if self.corpus.objective == "mlm" else ["pair_loss", "pair_accuracy"]
        return ["mlm_loss", "perplexity", "mlm_accuracy", *pairs]

    def training_data(self) -> list[str]:
        return [*self.data, *(self.validation or [])]

    def as_experiment(self) -> ExperimentConfig:
        """The run as commands that use its model see it: it fills masks in texts that are read as the corpus was."""
        return ExperimentConfig(
            task="fill",
            backbone=self.backbone,
            output=self.output,
            seed=self.seed,
            distribution=self.distribution,
            data=DataConfig(columns=self.columns, sequence_length=self.sequence_length),
            scratch=self.scratch,
            training=TrainingConfig(**{name: getattr(self.training, name) for name in TrainingConfig.model_fields}),
        )
