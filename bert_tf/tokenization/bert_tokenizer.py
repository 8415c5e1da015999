"""BERT's WordPiece tokeniser as TensorFlow ops, with the ids of Hugging Face's ``BertTokenizerFast``."""

from __future__ import annotations

from typing import Any

import keras
import keras_hub
import tensorflow as tf
import tensorflow_text as tf_text
from keras_hub.src.utils.tensor_utils import preprocessing_function

from bert_tf.tokenization import character_classes as classes

MAX_WORD_CHARACTERS = 100
"""A longer word is one unknown token, as in google-research/bert."""

# An unassigned code point: no vocabulary has it, and TF Text takes it for a letter. What stands in a word that must
# become [UNK] is replaced by it.
_UNKNOWN_LETTER = "\u0378"


@keras.saving.register_keras_serializable(package="bert_tf")
class ExactBertTokenizer(keras_hub.models.BertTokenizer):
    """A KerasHub ``BertTokenizer`` whose ids equal those of Hugging Face's fast tokeniser.

    KerasHub's own case-folds (``ß`` becomes ``ss``), and TF Text's ``FastBertTokenizer`` lower-cases by NFKC (a
    full-width ``３`` becomes ``3``); a checkpoint that was trained with neither sees other tokens than it knows. Here
    the text is cleaned, decomposed and lower-cased in the reference's order, and ``FastBertTokenizer`` (in its cased
    form) does the rest in one pass.

    The ids are equal for every Unicode code point (test_bert_tokenizer.py tries them all), unless the vocabulary
    itself holds one of these: letters that Unicode added after version 13, whose case the ops do not know; the 416
    characters of ``WORD_BUT_NOT_IN_TF_TEXT``. The names of special tokens in a text, such as ``[MASK]``, are text:
    what a user writes never becomes a control token.

    Args:
        vocabulary: path of a ``vocab.txt``, or the tokens by id.
        lowercase: lower-case the text.
        strip_accents: remove accents; default as ``lowercase``, as in BERT.

    Reference:
        Devlin et al. 2018, section 3; google-research/bert, tokenization.py.
    """

    def __init__(
        self, vocabulary: Any = None, lowercase: bool = False, strip_accents: bool | None = None, **kwargs: Any
    ) -> None:
        strip_accents = lowercase if strip_accents is None else strip_accents
        super().__init__(vocabulary=vocabulary, lowercase=lowercase, strip_accents=strip_accents, **kwargs)

    def set_vocabulary(self, vocabulary: Any) -> None:
        super().set_vocabulary(vocabulary)
        self._fast_bert: Any = None

    def token_ids(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Texts ``(batch,)`` string to ids ``(batch, None)`` int32, without special tokens; bad UTF-8 is dropped."""
        self._check_vocabulary()
        if self._fast_bert is None:
            with tf.init_scope():
                self._fast_bert = tf_text.FastBertTokenizer(
                    vocab=self.vocabulary,
                    lower_case_nfd_strip_accents=False,
                    suffix_indicator=self.suffix_indicator,
                    unknown_token=self.oov_token,
                    max_bytes_per_word=4 * MAX_WORD_CHARACTERS,
                    token_out_type=tf.int32,
                )
        return self._fast_bert.tokenize(self.normalize(texts))

    def normalize(self, texts: tf.Tensor) -> tf.Tensor:
        """The reference's cleaning, accent stripping and lower-casing, ``(batch,)`` string to ``(batch,)`` string."""
        replace = tf.strings.regex_replace
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="ignore")
        texts = replace(texts, f"[{classes.DROPPED}]+", "")
        if self.strip_accents:
            texts = replace(tf_text.normalize_utf8(texts, "NFD"), f"[{classes.ACCENTS}]+", "")
        if self.lowercase:
            # Before ICU sees it: at the end of a word it would make a capital sigma a final one.
            texts = tf.strings.lower(replace(texts, "Σ", "σ"), encoding="utf-8")
        texts = replace(texts, f"[{classes.ALONE_BUT_WORD_IN_TF_TEXT}]", r" \0 ")
        texts = replace(texts, f"[{classes.WORD_BUT_NOT_IN_TF_TEXT}]", _UNKNOWN_LETTER)
        return _hide_long_words(texts)

    def tokenize(self, inputs: Any) -> Any:
        return self._tokenize_tf(inputs)

    @preprocessing_function
    def _tokenize_tf(self, inputs: tf.Tensor) -> tf.Tensor:
        inputs = tf.convert_to_tensor(inputs)
        single = inputs.shape.rank == 0
        tokens = self.token_ids(inputs[None] if single else inputs)
        if self.sequence_length:
            tokens = tokens.to_tensor(shape=[None, self.sequence_length])
        return tokens[0] if single else tokens


# Words end at these and at more; a run without them may hold a word that is too long.
_CERTAINLY_BETWEEN = (
    r"\x{9}-\x{2F}\x{3A}-\x{40}\x{5B}-\x{60}\x{7B}-\x{7E}\x{3000}-\x{3002}\x{4E00}-\x{9FFF}\x{FF01}-\x{FF0F}"
)


def _hide_long_words(texts: tf.Tensor) -> tf.Tensor:
    """Replaces each word of more than ``MAX_WORD_CHARACTERS`` by one unknown letter.

    Candidates are found by a small pattern, and only they are taken apart: the exact class of characters repeated a
    hundred times is too much for RE2.
    """
    suspicious = f"(?s).*[^{_CERTAINLY_BETWEEN}]{{{MAX_WORD_CHARACTERS + 1}}}.*"
    rows = tf.where(tf.strings.regex_full_match(texts, suspicious))
    characters = tf.strings.unicode_split(tf.gather_nd(texts, rows), "UTF-8")
    flat = characters.flat_values
    ends_word = tf.strings.regex_full_match(flat, f"[{classes.BETWEEN_WORDS}]")
    # A run begins at the start of a row, at a character between words, and after one.
    begins_row = (
        tf.cast(
            tf.math.unsorted_segment_max(
                tf.ones_like(characters.row_starts(), tf.int32), characters.row_starts(), tf.size(flat) + 1
            ),
            tf.int32,
        )[:-1]
        > 0
    )
    after_end = tf.concat([[True], ends_word], 0)[:-1]
    begins = begins_row | ends_word | after_end
    run = tf.cumsum(tf.cast(begins, tf.int32)) - 1
    lengths = tf.math.unsorted_segment_sum(tf.ones_like(run), run, tf.size(flat))
    too_long = tf.gather(lengths, run) > MAX_WORD_CHARACTERS
    flat = tf.where(too_long, tf.where(begins, _UNKNOWN_LETTER, ""), flat)
    joined = tf.strings.reduce_join(characters.with_flat_values(flat), axis=-1)
    return tf.tensor_scatter_nd_update(texts, rows, joined)
