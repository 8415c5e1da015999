"""One pre-training run from its config to its run directory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import tensorflow as tf

from bert_tf.backbones.loading import LoadedBackbone, load_backbone
from bert_tf.errors import UserError
from bert_tf.modeling.encoders.dropout import set_dropout
from bert_tf.pretraining.corpus_records import open_corpus
from bert_tf.pretraining.curriculum import Curriculum, Stage
from bert_tf.pretraining.documents import is_held_out, load_segmenter, read_documents, tokenize_documents
from bert_tf.pretraining.example_files import Description, read_description, write_examples
from bert_tf.pretraining.examples import Example, ExampleBuilder
from bert_tf.pretraining.exclusion import Exclusion, held_out_texts
from bert_tf.pretraining.masking import Masker
from bert_tf.pretraining.prepared_corpus import PreparedExamples, use_prepared
from bert_tf.pretraining.pretrainer import BertPretrainer
from bert_tf.pretraining.pretraining_batches import PretrainingBatches
from bert_tf.pretraining.pretraining_config import PretrainingConfig
from bert_tf.runs.run_directory import RunDirectory
from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer
from bert_tf.tokenization.text_preprocessor import TextPreprocessor
from bert_tf.training.checkpoint import Progress
from bert_tf.training.experiment import Experiment, Validate
from bert_tf.training.loop import Batches
from bert_tf.training.strategy import check_batch_size, is_chief
from bert_tf.training.task_data import dtype_policy

logger = logging.getLogger("bert_tf")

_VALIDATION_MASKS = 977
"""Seed of the masks of held-out examples: the same in every epoch and every run."""


class PretrainingExperiment(Experiment):
    """One backbone, text without labels.

    The examples are written to ``examples/`` in the run directory first, the training reads them from there. The model
    is saved as a KerasHub preset: ``--backbone RUN/model`` takes it for fine-tuning or for further pre-training.

    Args:
        config: the run.
        resume: continue the run in ``config.output``.
    """

    task: BertPretrainer

    def __init__(self, config: PretrainingConfig, *, resume: bool = False) -> None:
        self.config, self._prepared = use_prepared(config)
        super().__init__(self.config, self.config.training, resume=resume)

    def prepare(self) -> None:
        config = self.config
        if config.validation and not any(read_documents(open_corpus(config, config.validation))):
            raise UserError(f"--validation {' '.join(config.validation)}: there is no text.")
        check_batch_size(self.strategy, self.recipe.batch_size, self.recipe.gradient_accumulation_steps)

    def load_backbone(self) -> LoadedBackbone:
        config = self.config
        loaded = load_backbone(
            config.backbone,
            texts=None if self._prepared else lambda: corpus_texts(config, held_out=False),
            scratch=config.scratch,
            sequence_length=config.sequence_length,
            seed=config.seed,
            dtype=dtype_policy(self.recipe),
        )
        if not isinstance(loaded.tokenizer, ExactBertTokenizer):
            raise UserError(f"--backbone {config.backbone}: only BERT backbones are pre-trained.")
        if self._prepared:
            self._prepared.check_tokenizer(loaded.tokenizer.get_vocabulary(), loaded.tokenizer.lowercase)
        if config.training.dropout is not None:
            set_dropout(loaded.backbone, config.training.dropout)
        return loaded

    def build(self, loaded: LoadedBackbone) -> BertPretrainer:
        self._loaded = loaded
        task = BertPretrainer(
            loaded.backbone,
            TextPreprocessor(loaded.tokenizer, sequence_length=self.config.sequence_length),
            pair=self.config.corpus.objective != "mlm",
            dtype=dtype_policy(self.recipe),
        )
        logger.info("pre-training heads: %s", task.load_heads(loaded.pretraining_heads))
        return task

    def open_training_data(self) -> tuple[Batches, Validate | None]:
        config, tokenizer, chief = self.config, self._loaded.tokenizer, is_chief(self.strategy)
        if chief:
            self.run_directory = RunDirectory.create(config)
        parts = [("train", length) for length, _ in config.stages()] + [("validation", config.sequence_length)]
        folders = [
            _examples(config, self._loaded, self.run_directory, self._prepared, *part, write=chief) for part in parts
        ]
        _wait_for_all(self.strategy)
        stages = zip(config.stages(), folders[:-1], strict=True)
        self._curriculum = Curriculum(
            [Stage(_stage_batches(config, tokenizer, folder, *stage), stage[1]) for stage, folder in stages]
        )
        if not _has_held_out_examples(config, folders[-1]):
            return self._curriculum, None
        masker = build_masker(config, tokenizer, config.sequence_length)
        held_out = PretrainingBatches(
            folders[-1], masker, self.recipe.evaluation_batch_size, seed=_VALIDATION_MASKS, shuffle=False
        )
        return self._curriculum, build_validation(self.task, held_out)

    def report(self, end: Progress) -> dict[str, Any]:
        # One line of each epoch has its seconds; those of evaluations within an epoch have none.
        seconds = [line["seconds"] for line in self.run_directory.metrics() if "seconds" in line]
        rate = self._curriculum.tokens(len(seconds)) / sum(seconds) if seconds else 0.0
        logger.info("%.0f tokens/s; the model is in %s", rate, self.run_directory.model)
        return {"tokens_per_second": round(rate)}


def run_pretraining(config: PretrainingConfig, *, resume: bool = False) -> RunDirectory:
    """Pre-trains what ``config`` describes and returns the run directory; see ``Experiment.run``."""
    return PretrainingExperiment(config, resume=resume).run()


def _stage_batches(
    config: PretrainingConfig, tokenizer: ExactBertTokenizer, folder: str | Path, length: int, epochs: int
) -> PretrainingBatches:
    """The training data of one stage of the curriculum."""
    batches = PretrainingBatches(
        folder,
        build_masker(config, tokenizer, length),
        config.training.batch_size,
        seed=config.seed,
        length_bucketing=config.corpus.objective == "mlm" and not config.corpus.packing,
    )
    logger.info(
        "training on %d examples (%d tokens, %.1f %% padding): %d epochs of %d batches",
        batches.examples,
        batches.tokens,
        100 * (1 - batches.tokens / (batches.examples * length)),
        epochs,
        batches.steps_per_epoch,
    )
    return batches


def _has_held_out_examples(config: PretrainingConfig, folder: str | Path) -> bool:
    """Whether there is text to validate on.

    Raises:
        UserError: there is none in ``--validation``; or of a small corpus, and the recipe needs it.
    """
    held_out = read_description(folder)
    if held_out is not None and held_out.examples:
        return True
    if config.validation is not None:
        raise UserError(f"--validation {' '.join(config.validation)}: the text is too short for a single example.")
    for name in ("monitor", "early_stopping_patience"):
        if getattr(config.training, name) is not None:
            raise UserError(
                f"--training.{name}: no text of {' '.join(config.data)} is held out. Give --validation, or a corpus "
                "with more documents."
            )
    if config.validation_ratio > 0:
        logger.warning("no text of %s is held out: the last epoch is kept", " ".join(config.data))
    return False


def build_masker(config: PretrainingConfig, tokenizer: ExactBertTokenizer, sequence_length: int) -> Masker:
    """The masks that a config and a vocabulary decide, for examples of a length."""
    special = {tokenizer.token_to_id(token) for token in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")}
    return Masker(
        config.masking,
        sequence_length,
        mask_id=tokenizer.mask_token_id,
        pad_id=tokenizer.pad_token_id,
        special_ids=tuple(sorted(special)),
        vocabulary_size=tokenizer.vocabulary_size(),
    )


def build_validation(task: BertPretrainer, batches: PretrainingBatches) -> Callable[[], dict[str, float]]:
    """Returns a function that scores the task on held-out examples, each time with the same masks."""

    @tf.function(reduce_retracing=True)
    def score(features: Any, targets: tf.Tensor, weights: tf.Tensor) -> dict[str, tf.Tensor]:
        return task.score(targets, weights, task(features, training=False))

    def validate() -> dict[str, float]:
        sums: dict[str, float] = {}
        for features, targets, weights in batches.epoch(0):
            for name, value in score(features, targets, weights).items():
                sums[name] = sums.get(name, 0.0) + float(value)
        return task.metrics_of(sums)

    return validate


def _examples(
    config: PretrainingConfig,
    loaded: LoadedBackbone,
    run: RunDirectory,
    prepared: PreparedExamples | None,
    part: str,
    length: int,
    *,
    write: bool,
) -> str | Path:
    """The folder of the examples of one part and length, made now if need be and this process writes."""
    if prepared and (part == "train" or config.validation is None):
        if config.curriculum is not None:
            raise UserError(f"--curriculum: the examples in {prepared.folder} have one length.")
        return prepared.parts(with_validation=True)[part]
    folder = run.path / "examples" / (f"{part}-{length}" if config.curriculum else part)
    if write:
        _prepare(config.model_copy(update={"sequence_length": length}), loaded, folder, held_out=part == "validation")
    return folder


def _wait_for_all(strategy: tf.distribute.Strategy) -> None:
    """Waits until every worker of a cluster is here, so that the first one has written the examples."""
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):

        def report() -> tf.Tensor:
            # Made here, the number is on the worker's device, without which no collective finds its way.
            return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tf.constant(1.0))

        @tf.function
        def meet() -> tf.Tensor:
            return strategy.run(report)

        meet()


def _prepare(config: PretrainingConfig, loaded: LoadedBackbone, folder: Path, *, held_out: bool) -> None:
    """Writes the examples of one part, unless a run that is resumed has them already."""
    made_from: dict[str, object] = {
        "data": config.validation if held_out and config.validation else config.data,
        "exclude_splits_of": config.exclude_splits_of,
        "held_out": held_out,
        "sequence_length": config.sequence_length,
        "seed": config.seed,
        **config.corpus.model_dump(mode="json"),
    }
    known = read_description(folder)
    if known is not None and known.made_from == made_from:
        return
    builder = ExampleBuilder(
        config.corpus.objective,
        config.sequence_length,
        loaded.tokenizer.cls_token_id,
        loaded.tokenizer.sep_token_id,
        config.corpus.packing,
        config.corpus.short_sequence_ratio,
    )
    segmenter = load_segmenter(config.corpus.segmenter)
    documents = list(tokenize_documents(corpus_texts(config, held_out=held_out), loaded.tokenizer, segmenter))

    def examples() -> Iterator[Example]:
        # Held-out examples are cut once: their number decides nothing.
        for round_ in range(1 if held_out else config.corpus.duplicates):
            yield from builder.build(documents, config.seed + round_)

    if held_out and not documents:
        return
    shards = 1 if held_out else config.corpus.shards
    made: Description = write_examples(folder, examples(), shards=shards, made_from=made_from)
    logger.info("%s: %d documents, %d examples", folder.name, len(documents), made.examples)
    if not made.examples and not held_out:
        raise UserError(f"{' '.join(config.data)}: the text is too short for a single example.")


def corpus_texts(config: PretrainingConfig, *, held_out: bool) -> Iterator[str]:
    """The documents to train on, or those that are held out."""
    if held_out and config.validation:
        yield from read_documents(open_corpus(config, config.validation))
        return
    ratio = 0.0 if config.validation else config.validation_ratio
    texts = read_documents(open_corpus(config, config.data))
    if config.exclude_splits_of:
        texts = filter(None, map(_exclusion(tuple(config.exclude_splits_of)).without_matches, texts))
    for text in texts:
        if is_held_out(text, ratio, config.seed) == held_out:
            yield text


@lru_cache(maxsize=1)
def _exclusion(config_files: tuple[str, ...]) -> Exclusion:
    """What evaluation sets keep out of the corpus; the corpus is read several times."""
    return Exclusion(text for file in config_files for text in held_out_texts(file))
