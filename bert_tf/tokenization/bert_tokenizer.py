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
        self._fast_bert = None

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
        return replace(texts, f"[^{classes.BETWEEN_WORDS}]{{{MAX_WORD_CHARACTERS + 1},}}", _UNKNOWN_LETTER)

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
