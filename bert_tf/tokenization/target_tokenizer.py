"""Word pieces of what a model is to write: they can be put together again, spaces and all.

BERT's tokeniser forgets where spaces stood: ``don't`` and ``don ' t`` have equal ids. Here a word that touches the one
before it is written as a continuation (``don ##' ##t``), so that joining pieces needs no rules. Chinese characters,
kana and full-width punctuation need no such mark: no space stands beside them.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import tensorflow as tf
import tensorflow_text as tf_text

from bert_tf.tokenization.vocabulary import RESERVED_TOKENS, learn_vocabulary

PAD, UNKNOWN, START, END, MASK = range(len(RESERVED_TOKENS))
"""Ids of the reserved tokens, which come first: a text is ``[CLS] … [SEP]``."""

_JOIN = "\x1f"  # stands between words that touch; removed from what users write
_SUFFIX = "##"
# Each class is written for RE2 and for Python's re alike. Punctuation is what BERT splits at.
_SPACELESS = (
    "\u2e80-\u303f\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff00-\uffef"
    "\U00020000-\U0003ffff"
)
_KANA = "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_MAX_WORD_BYTES = 4096
_MAX_TOKEN_BYTES = 200  # TF Text takes up to 256


class TargetTokenizer(tf.Module):
    """Texts to ids and back, in the graph.

    Args:
        vocabulary: the tokens by id, the reserved ones first; see :func:`learn_target_vocabulary`.
        lowercase: lower-case the text first.
    """

    def __init__(self, vocabulary: Sequence[str], lowercase: bool = False) -> None:
        super().__init__(name="target_tokenizer")
        self.lowercase = lowercase
        with tf.init_scope():
            self._word_piece = tf_text.FastWordpieceTokenizer(
                list(vocabulary),
                suffix_indicator=_SUFFIX,
                unknown_token=RESERVED_TOKENS[UNKNOWN],
                max_bytes_per_word=_MAX_WORD_BYTES,
                token_out_type=tf.int32,
                no_pretokenization=True,
            )
        pieces = [_piece(token) for token in vocabulary]
        pieces[: len(RESERVED_TOKENS)] = [""] * len(RESERVED_TOKENS)
        self._plain = pieces
        self._spaced = [f" {piece}" for piece in pieces]
        spaceless = re.compile(f"[{_SPACELESS}]")
        self._joins_left = [
            token.startswith(_SUFFIX) or not piece or bool(spaceless.match(piece))
            for token, piece in zip(vocabulary, pieces, strict=True)
        ]
        self._joins_right = [not piece or bool(spaceless.match(piece[-1])) for piece in pieces]

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Texts ``(batch,)`` string to ids ``(batch, None)`` int32, without ``[CLS]`` and ``[SEP]``."""
        words = tf.strings.split(mark_joins(tf.strings.lower(texts, "utf-8") if self.lowercase else texts))
        return self._word_piece.tokenize(words).merge_dims(1, 2)

    def detokenize(self, ids: tf.Tensor) -> tf.Tensor:
        """Ids ``(batch, length)`` int32 to texts ``(batch,)`` string; reserved tokens give nothing."""
        joins_left = tf.gather(tf.constant(self._joins_left), ids)
        joins_right = tf.gather(tf.constant(self._joins_right), ids)
        first = tf.ones_like(joins_right[:, :1])
        joined = joins_left | tf.concat([first, joins_right[:, :-1]], 1)
        plain, spaced = (tf.gather(tf.constant(table), ids) for table in (self._plain, self._spaced))
        return tf.strings.reduce_join(tf.where(joined, plain, spaced), 1)


def mark_joins(texts: tf.Tensor) -> tf.Tensor:
    """Splits texts ``(batch,)`` string into words by single spaces; ``##`` opens one that touches the one before it."""
    replace = tf.strings.regex_replace
    texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="ignore", replace_control_characters=False)
    texts = replace(texts, r"[\s\x{0}-\x{1F}\x{85}\p{Z}]+", " ")
    texts = replace(texts, r"([\p{P}$+<=>^`|~])", rf"{_JOIN}\1{_JOIN}")
    # Spaceless characters stand alone, but a run of kana is a word.
    texts = replace(texts, f"([{_KANA}]+|[{_SPACELESS}])", r" \1 ")
    texts = replace(texts, f"[{_JOIN} ]* [{_JOIN} ]*", " ")
    texts = replace(texts, f"^[{_JOIN} ]+|[{_JOIN} ]+$", "")
    return replace(texts, f"{_JOIN}+", f" {_SUFFIX}")


def learn_target_vocabulary(
    texts: Callable[[], Iterable[str]], size: int, *, lowercase: bool = False, min_frequency: int = 2
) -> list[str]:
    """Learns a vocabulary for :class:`TargetTokenizer`, of at most ``size`` tokens.

    Args:
        texts: gives the texts; read several times.
        size: largest number of tokens.
        lowercase: lower-case the texts first.
        min_frequency: see :func:`learn_vocabulary`.

    Raises:
        UserError: there is no text, or ``size`` has no room for a character.
    """

    def cased() -> Iterable[str]:
        return (text.lower() if lowercase else text for text in texts())

    joined: Counter[str] = Counter()
    for text in cased():
        joined.update(character for character in re.findall(r"(?<=\S)(?:[^\w\s]|_)", text) if _is_mark(character))
    marks = sorted(joined, key=lambda mark: (-joined[mark], mark))[: size // 10]
    tokens = learn_vocabulary(cased, size - len(marks), lowercase=False, min_frequency=min_frequency)
    reserved, learned = tokens[: len(RESERVED_TOKENS)], tokens[len(RESERVED_TOKENS) :]
    joining = [f"{_SUFFIX}{mark}" for mark in marks]
    short = (token for token in (*learned, *joining) if len(token.encode("utf-8")) <= _MAX_TOKEN_BYTES)
    return list(dict.fromkeys([*reserved, *short]))


def _is_mark(character: str) -> bool:
    """Whether a word may touch this character, which is a word of its own."""
    is_split_at = unicodedata.category(character)[0] == "P" or character in "$+<=>^`|~"
    return is_split_at and not re.match(f"[{_SPACELESS}]", character)


def _piece(token: str) -> str:
    return token.removeprefix(_SUFFIX) if token != _SUFFIX else token
