"""BERT's WordPiece tokeniser as TensorFlow ops, with the ids of Hugging Face's ``BertTokenizerFast``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import keras
import keras_hub
import tensorflow as tf
import tensorflow_text as tf_text

from bert_tf.keras_internals import preprocessing_function
from bert_tf.tokenization import character_classes as classes

MAX_WORD_CHARACTERS = 100
"""A longer word is one unknown token, as in google-research/bert."""

# Unassigned code points, which TF Text takes for letters. One that the vocabulary does not have replaces what must make
# its word [UNK]; others replace the characters of the vocabulary that TF Text does not take for letters.
_UNASSIGNED = range(0x40000, 0x50000)

# Words end at these and at more, and no step but the splitting changes them.
_BETWEEN = (
    r"\x{9}-\x{A}\x{D}\x{20}-\x{2F}\x{3A}-\x{40}\x{5B}-\x{60}\x{7B}-\x{7E}\x{2014}\x{2018}-\x{201F}\x{2026}"
    r"\x{3000}-\x{3002}\x{3008}-\x{3011}\x{4E00}-\x{9FFF}\x{FF01}\x{FF08}-\x{FF09}\x{FF0C}\x{FF1A}-\x{FF1B}\x{FF1F}"
)

# Nearly every English and Chinese sentence: nothing is to be done but lower-casing A to Z.
_PLAIN = rf"(?:[0-9A-Za-z]{{0,{MAX_WORD_CHARACTERS}}}[{_BETWEEN}]+)*[0-9A-Za-z]{{0,{MAX_WORD_CHARACTERS}}}"


@keras.saving.register_keras_serializable(package="bert_tf")
class ExactBertTokenizer(keras_hub.models.BertTokenizer):
    """A KerasHub ``BertTokenizer`` whose ids equal those of Hugging Face's fast tokeniser.

    KerasHub's own case-folds (``ß`` becomes ``ss``), and TF Text's ``FastBertTokenizer`` lower-cases by NFKC (a
    full-width ``３`` becomes ``3``); a checkpoint that was trained with neither sees other tokens than it knows. Here
    the text is cleaned, decomposed and lower-cased in the reference's order, and ``FastBertTokenizer`` (in its cased
    form) does the rest in one pass. Texts that need none of this, which are most, skip it.

    The ids are equal for every Unicode code point and for any vocabulary: test_bert_tokenizer.py tries all code points
    with vocabularies that hold them all. The only known difference: two or more combining marks after one letter, one
    of them newer than the reference's Unicode tables, can come in another order. Bytes that are not UTF-8 are dropped.

    Args:
        vocabulary: path of a ``vocab.txt``, or the tokens by id. Of a token that stands there twice, the last counts.
        lowercase: lower-case the text.
        strip_accents: remove accents; default as ``lowercase``, as in BERT.
        special_tokens_in_strings: whether ``[MASK]`` and its like in a text are the special tokens. By default they
            are text: what a user writes never becomes a control token.
        **kwargs: ``dtype``, ``sequence_length`` and others of ``keras_hub.models.BertTokenizer``.

    Reference:
        Devlin et al. 2018, section 3; google-research/bert, tokenization.py.
    """

    def __init__(
        self,
        vocabulary: Any = None,
        lowercase: bool = False,
        strip_accents: bool | None = None,
        special_tokens_in_strings: bool = False,
        **kwargs: Any,
    ) -> None:
        if not (kwargs.get("split", True) and kwargs.get("split_on_cjk", True)):
            raise ValueError("ExactBertTokenizer splits words and Chinese characters itself, as BERT does.")
        super().__init__(
            vocabulary=vocabulary,
            lowercase=lowercase,
            strip_accents=lowercase if strip_accents is None else strip_accents,
            special_tokens_in_strings=special_tokens_in_strings,
            **kwargs,
        )

    @classmethod
    def like(cls, tokenizer: keras_hub.models.Tokenizer) -> keras_hub.models.Tokenizer:
        """The exact form of KerasHub's ``BertTokenizer``; any other tokeniser as it is."""
        if type(tokenizer) is not keras_hub.models.BertTokenizer:
            return tokenizer
        return cls(
            tokenizer.get_vocabulary(),
            lowercase=tokenizer.lowercase,
            strip_accents=tokenizer.strip_accents or tokenizer.lowercase,
            special_tokens_in_strings=tokenizer.special_tokens_in_strings,
        )

    def _set_vocabulary_tf(self) -> None:
        """Builds the op's model where KerasHub builds its own."""
        present = set("".join(self.vocabulary))
        aliased = sorted(filter(re.compile(_python_class(classes.WORD_BUT_NOT_IN_TF_TEXT)).match, present))
        free = (chr(code) for code in _UNASSIGNED if chr(code) not in present)
        self._unknown_letter = next(free)
        aliases = {character: next(free) for character in aliased}
        small_letters = zip(classes.NEWER_CAPITALS, classes.NEWER_SMALL_LETTERS, strict=True)
        self._lower = {a: b for a, b in small_letters if a in present or b in present}
        self._aliases = aliases
        with tf.init_scope():
            self._fast_word_piece = tf_text.FastBertTokenizer(
                vocab=_reachable(
                    [token.translate(str.maketrans(aliases)) for token in self.vocabulary],
                    self.suffix_indicator,
                    self._unknown_letter,
                ),
                lower_case_nfd_strip_accents=False,
                suffix_indicator=self.suffix_indicator,
                unknown_token=self.oov_token,
                max_bytes_per_word=4 * MAX_WORD_CHARACTERS,
                token_out_type=tf.int32,
                support_detokenization=True,
            )

    def token_ids(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Texts ``(batch,)`` string to ids ``(batch, None)`` int32, without ``[CLS]`` and ``[SEP]``."""
        self._check_vocabulary()
        if not self.special_tokens_in_strings:
            return self._fast_word_piece.tokenize(self.normalize(texts))
        tokens = sorted({*self.special_tokens, self.oov_token})
        pattern = "|".join(re.escape(token) for token in tokens)
        pieces = tf_text.regex_split(texts, delim_regex_pattern=pattern, keep_delim_regex_pattern=pattern)
        flat = pieces.flat_values
        which = tf.equal(flat[:, None], tf.constant(tokens)[None])
        ids = tf.constant([self.token_to_id(token) for token in tokens], tf.int32)
        special = tf.ragged.boolean_mask(tf.tile(ids[None], [tf.size(flat), 1]), which)
        text = self._fast_word_piece.tokenize(self.normalize(tf.where(tf.reduce_any(which, 1), "", flat)))
        return pieces.with_flat_values(tf.concat([special, text], 1)).merge_dims(1, 2)

    def normalize(self, texts: tf.Tensor) -> tf.Tensor:
        """The reference's cleaning, accent stripping and lower-casing, ``(batch,)`` string to ``(batch,)`` string."""
        texts = tf.convert_to_tensor(texts)
        others = tf.where(~tf.strings.regex_full_match(texts, _PLAIN))
        normalized = self._normalize_any(tf.gather_nd(texts, others))
        plain = tf.strings.lower(texts) if self.lowercase else texts
        return tf.tensor_scatter_nd_update(plain, others, normalized)

    def _normalize_any(self, texts: tf.Tensor) -> tf.Tensor:
        replace = tf.strings.regex_replace
        texts = tf.strings.unicode_transcode(texts, "UTF-8", "UTF-8", errors="ignore")
        texts = replace(texts, f"[{classes.DROPPED}]+", "")
        if self._aliases:
            texts = replace(texts, f"[{''.join(self._aliases.values())}]", self._unknown_letter)
        for character, alias in self._aliases.items():
            texts = replace(texts, character, alias)
        texts = replace(texts, f"[{classes.WORD_BUT_NOT_IN_TF_TEXT}]", self._unknown_letter)
        if self.strip_accents:
            texts = replace(tf_text.normalize_utf8(texts, "NFD"), f"[{classes.ACCENTS}]+", "")
        if self.lowercase:
            for capital, small in self._lower.items():
                texts = replace(texts, capital, small)
            # Before ICU sees it: at the end of a word it would make a capital sigma a final one.
            texts = tf.strings.lower(replace(texts, "Σ", "σ"), encoding="utf-8")
        texts = replace(texts, f"[{classes.ALONE_BUT_WORD_IN_TF_TEXT}]", r" \0 ")
        return _replace_long_words(texts, self._unknown_letter)

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


def _python_class(ranges: str) -> str:
    """A character class of RE2 as one of Python's ``re``."""
    return "[" + re.sub(r"x\{(\w+)\}", lambda code: f"U{int(code[1], 16):08x}", ranges) + "]"


def _reachable(tokens: Sequence[str], suffix_indicator: str, letter: str) -> list[str]:
    """The tokens, with a stand-in for those that no text gives: the op would misread texts, or refuse to be built.

    Args:
        tokens: the vocabulary.
        suffix_indicator: ``##``.
        letter: one that no token has.
    """
    last = {token: index for index, token in enumerate(tokens)}
    never_in_a_word = re.compile(rf"\s|{_python_class(classes.DROPPED)}")

    def is_reachable(token: str, index: int) -> bool:
        return token not in ("", suffix_indicator) and last[token] == index and not never_in_a_word.search(token)

    return [token if is_reachable(token, index) else f"{letter}\x01{index}" for index, token in enumerate(tokens)]


def _replace_long_words(texts: tf.Tensor, letter: str) -> tf.Tensor:
    """Replaces each word of more than ``MAX_WORD_CHARACTERS`` by one letter.

    Candidates are found by a small pattern, and only they are taken apart: the exact class of characters repeated a
    hundred times is too much for RE2.
    """
    suspicious = f"(?s).*[^{_BETWEEN}]{{{MAX_WORD_CHARACTERS + 1}}}.*"
    rows = tf.where(tf.strings.regex_full_match(texts, suspicious))
    characters = tf.strings.unicode_split(tf.gather_nd(texts, rows), "UTF-8")
    flat = characters.flat_values
    ends_word = tf.strings.regex_full_match(flat, f"[{classes.BETWEEN_WORDS}]")
    # A run begins at the start of a row, at a character between words, and after one.
    starts = characters.row_starts()
    begins_row = tf.math.unsorted_segment_max(tf.ones_like(starts), starts, tf.size(flat) + 1)[:-1] > 0
    after_end = tf.concat([[True], ends_word], 0)[:-1]
    begins = begins_row | ends_word | after_end
    run = tf.cumsum(tf.cast(begins, tf.int32)) - 1
    lengths = tf.math.unsorted_segment_sum(tf.ones_like(run), run, tf.size(flat))
    too_long = tf.gather(lengths, run) > MAX_WORD_CHARACTERS
    flat = tf.where(too_long, tf.where(begins, letter, ""), flat)
    joined = tf.strings.reduce_join(characters.with_flat_values(flat), axis=-1)
    return tf.tensor_scatter_nd_update(texts, rows, joined)
