"""The smallest BERT that trains, and data for it, built the same way in every test and every child process."""

from __future__ import annotations

import keras
import keras_hub

from bert_tf.data.batching import LabelledRows, TrainingBatches
from bert_tf.data.records import Records, Row
from bert_tf.data.token_batching import TokenBatches
from bert_tf.tasks.classification import TextClassifier
from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer
from bert_tf.tokenization.text_preprocessor import TextPreprocessor
from tests.conftest import toy_rows

LABELS = ["bad", "good"]


def small_vocabulary() -> list[str]:
    """Special tokens, then every character of the toy data as a word start and as a continuation."""
    characters = sorted({character for text, _ in toy_rows(80) for character in text.lower() if character != " "})
    return ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *(f"##{c}" for c in characters)]


def small_classifier(dropout: float = 0.0, seed: int = 7, dtype: str = "float32", pair: bool = False) -> TextClassifier:
    """Two layers of width 16; without dropout a training is the same however its batches are cut."""
    keras.utils.set_random_seed(seed)
    vocabulary = small_vocabulary()
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=len(vocabulary),
        num_layers=2,
        num_heads=2,
        hidden_dim=16,
        intermediate_dim=32,
        dropout=dropout,
        max_sequence_length=64,
        dtype=dtype,
    )
    tokenizer = ExactBertTokenizer(vocabulary, lowercase=True)
    preprocessor = TextPreprocessor(tokenizer, sequence_length=64)
    return TextClassifier(backbone, preprocessor, labels=LABELS, pair=pair, dropout=dropout, dtype=dtype)


def toy_records(first: int = 0, last: int = 44) -> Records:
    """Rows of the toy data; 44 is no multiple of the batch sizes in use, so the last batch is filled up."""
    rows = [Row("toy", i + 1, {"text": text, "label": label}) for i, (text, label) in enumerate(toy_rows(last))]
    return Records("toy", lambda: iter(rows[first:]))


def ten_examples_again_and_again() -> Records:
    """Ten rows, eight times over: fewer epochs, and with them fewer starts of the pipeline."""
    return Records("ten", lambda: (row for _ in range(8) for row in toy_records(0, 10)))


def small_batches(task: TextClassifier, batch_size: int, seed: int = 3) -> TrainingBatches:
    """Shuffled, bucketed batches of :func:`toy_records`."""
    return TrainingBatches(LabelledRows(toy_records(), task), batch_size, seed=seed)


def small_token_batches(task: TextClassifier, tokens: int, rows_multiple: int) -> TokenBatches:
    """Batches of :func:`toy_records` that differ in their number of rows."""
    return TokenBatches(LabelledRows(toy_records(), task), tokens, rows_multiple, seed=3)
