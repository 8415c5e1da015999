"""One corpus preparation from its config to its folder."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from bert_tf.atomic_file import temporary_name, write_errors
from bert_tf.backbones.sources.scratch import read_vocabulary
from bert_tf.data.files import is_remote
from bert_tf.errors import UserError
from bert_tf.pretraining.corpus_config import PreparationConfig
from bert_tf.pretraining.corpus_files import all_parts
from bert_tf.pretraining.corpus_local import prepare_locally
from bert_tf.pretraining.corpus_sources import exclusion_of
from bert_tf.pretraining.documents import load_segmenter
from bert_tf.pretraining.prepared_corpus import PreparedCorpus, describe, write_descriptions

logger = logging.getLogger("bert_tf")


def prepare_corpus(config: PreparationConfig, beam_flags: Sequence[str] = ()) -> PreparedCorpus:
    """Cleans, filters and deduplicates texts and writes them as documents or as examples.

    Equal input and an equal config give equal files, whatever the number of processes and whatever runs it. The folder
    gets its name when it is complete.

    Args:
        config: of the preparation.
        beam_flags: flags for Apache Beam, where it is to run the preparation.

    Returns:
        The description that stands in the folder, too.

    Raises:
        UserError: anything in the config or the texts that the user can put right, or the disk is full.
    """
    exclusion_of.cache_clear()  # the files may have changed since
    texts_to_exclude = len(exclusion_of(config.model_dump_json()))
    vocabulary: list[str] = []
    if config.format == "examples":
        vocabulary = read_vocabulary(Path(config.vocabulary or ""))
        load_segmenter(config.corpus.segmenter)
    output = config.output.rstrip("/")
    if tf.io.gfile.exists(output):
        raise UserError(f"--output {output}: this is there already. Choose another folder, or remove it.")
    started = time.monotonic()
    parent, last = os.path.split(output)
    temporary = os.path.join(parent, temporary_name(Path(last)).name)  # nobody's folder, so that it can be removed
    try:
        with write_errors(f"--output {output}"):
            for name in {"", *(part.name for part in all_parts(config) if config.format == "examples")}:
                tf.io.gfile.makedirs(os.path.join(temporary, name))
            if config.runner == "local":
                with tempfile.TemporaryDirectory(dir=None if is_remote(output) else temporary) as scratch:
                    counts = prepare_locally(config, vocabulary, temporary, scratch)
            else:
                counts = _prepare_with_beam(config, vocabulary, temporary, beam_flags)
            counts["texts_to_exclude"] = texts_to_exclude
            corpus = describe(config, counts, vocabulary)
            _check_not_empty(config, corpus)
            write_descriptions(temporary, corpus, vocabulary)
            tf.io.gfile.rename(temporary, output)
    finally:
        _remove(temporary)
    for line in str(corpus).splitlines():
        logger.info("%s", line)
    logger.info("%.1f s; the corpus is in %s", time.monotonic() - started, output)
    return corpus


def _prepare_with_beam(
    config: PreparationConfig, vocabulary: Sequence[str], folder: str, flags: Sequence[str]
) -> Counter[str]:
    try:
        from bert_tf.pretraining.corpus_beam import prepare_with_beam
    except ImportError as error:
        if not (error.name or "").startswith("apache_beam"):
            raise
        raise UserError(
            f"--runner {config.runner}: Apache Beam is not installed: pip install 'bert-tf[beam]'."
        ) from None
    return prepare_with_beam(config, vocabulary, folder, flags)


def _check_not_empty(config: PreparationConfig, corpus: PreparedCorpus) -> None:
    specs = " ".join(config.data)
    if not corpus.report["kept"]["documents"]:
        raise UserError(f"{specs}: nothing is left to write. {str(corpus).splitlines()[0]}.")
    if config.format == "examples" and not corpus.report["written"]["train"]["examples"]:
        raise UserError(f"{specs}: the text is too short for a single example.")


def _remove(folder: str) -> None:
    if tf.io.gfile.exists(folder):
        tf.io.gfile.rmtree(folder)
