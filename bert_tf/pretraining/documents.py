"""Records to tokenised documents, held out by their hash."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from hashlib import blake2b
from itertools import islice

import numpy as np
import tensorflow as tf

from bert_tf.data.files import suffix
from bert_tf.data.records import Records
from bert_tf.errors import UserError
from bert_tf.pretraining.sentences import split_sentences
from bert_tf.tokenization.bert_tokenizer import ExactBertTokenizer

LONGEST_TEXT = 5000
"""Characters of a document in plain text without blank lines."""

_CHUNK = 2000

SegmentWords = Callable[[str], list[str]]


@dataclass(frozen=True)
class Sentence:
    """Token ids and, for each token, whether it continues the word of the token before, ``(tokens,)`` each."""

    token_ids: np.ndarray
    continues: np.ndarray

    def __len__(self) -> int:
        return len(self.token_ids)


Document = list[Sentence]


def read_documents(records: Records) -> Iterator[str]:
    """The texts of documents: rows, but for plain text files, where blank lines part documents.

    Plain text without blank lines is cut into documents of about ``LONGEST_TEXT`` characters, at a line's end.
    """
    lines: list[str] = []
    size = 0
    file: str | None = None
    for row in records:
        text = row.values["text"]
        # A data set whose rows stand in a text file, such as demo:zh_reviews, has further columns.
        is_line = suffix(row.file) == ".txt" and row.values.keys() == {"text"}
        if lines and (row.file != file or not is_line or not text.strip() or size >= LONGEST_TEXT):
            yield "\n".join(lines)
            lines, size = [], 0
        file = row.file
        size += len(text)
        if text.strip():
            if is_line:
                lines.append(text)
            else:
                yield text
    if lines:
        yield "\n".join(lines)


def is_held_out(text: str, ratio: float, seed: int) -> bool:
    """Whether a document belongs to the held-out ones: its own text decides, so equal documents stay together."""
    key = blake2b(text.encode("utf-8", "replace"), digest_size=8, salt=seed.to_bytes(8, "little")).digest()
    return int.from_bytes(key, "little") < ratio * 2**64


def tokenize_documents(
    texts: Iterable[str], tokenizer: ExactBertTokenizer, segmenter: SegmentWords | None = None
) -> Iterator[Document]:
    """Splits documents into sentences and tokenises them, a few thousand sentences at a time.

    Args:
        texts: documents.
        tokenizer: of the backbone.
        segmenter: cuts a Chinese text into words; without it every Chinese character is a word of its own.
    """
    is_continuation = np.array([token.startswith("##") for token in tokenizer.get_vocabulary()])
    tokenize = _compiled(tokenizer)
    iterator = (split_sentences(text) for text in texts)
    while chunk := list(islice(iterator, _CHUNK)):
        sentences = [sentence for document in chunk for sentence in document]
        encoded = [s.encode("utf-8", "replace") for s in sentences]
        ids = tokenize(tf.constant(encoded, tf.string, shape=[len(encoded)]))
        rows = np.split(ids.flat_values.numpy(), ids.row_splits.numpy()[1:-1]) if sentences else []
        words = None if segmenter is None else _word_numbers(sentences, tokenize, segmenter)
        number = 0
        for document in chunk:
            made: Document = []
            for _ in document:
                row = rows[number]
                continues = is_continuation[row]
                if words is not None and len(words[number]) == len(row):
                    continues = continues | np.concatenate([[False], words[number][1:] == words[number][:-1]])
                if len(row):
                    made.append(Sentence(row, continues))
                number += 1
            if made:
                yield made


@lru_cache(maxsize=1)
def _compiled(tokenizer: ExactBertTokenizer) -> Callable[[tf.Tensor], tf.RaggedTensor]:
    """Texts to ids in one graph, traced once however many corpora or files follow one another."""
    return tf.function(tokenizer.token_ids, input_signature=[tf.TensorSpec([None], tf.string)])


def _word_numbers(
    sentences: Sequence[str], tokenize: Callable[[tf.Tensor], tf.RaggedTensor], segmenter: SegmentWords
) -> list[np.ndarray]:
    """For each token of each sentence the number of its word, by tokenising word after word.

    Where that gives another number of tokens than the whole sentence did, the caller passes over it.
    """
    words = [segmenter(sentence) for sentence in sentences]
    flat = [word.encode("utf-8", "replace") for row in words for word in row]
    lengths = tokenize(tf.constant(flat, tf.string, shape=[len(flat)])).row_lengths().numpy() if flat else np.array([])
    numbers, start = [], 0
    for row in words:
        numbers.append(np.repeat(np.arange(len(row)), lengths[start : start + len(row)]))
        start += len(row)
    return numbers


@cache
def load_segmenter(name: str) -> SegmentWords | None:
    """The function that cuts a text into words.

    Raises:
        UserError: its package is not installed.
    """
    if name == "none":
        return None
    try:
        import rjieba
    except ImportError:
        raise UserError(
            "--corpus.segmenter rjieba: the package is not installed: pip install 'bert-tf[chinese]'."
        ) from None
    return rjieba.cut
