"""Cleaning as a part of the model: what :func:`bert_tf.data.cleaning.clean_text` does, in the graph, with offsets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import tensorflow as tf
import tensorflow_text as tf_text

from bert_tf.config import TextCleaningConfig
from bert_tf.tokenization import unseen_characters as classes
from bert_tf.tokenization.markup import SPACES
from bert_tf.tokenization.text_markup import without_html
from bert_tf.tokenization.traced_text import Change, TracedText, character_counts, is_in, rows_of

_ZWNJ, _ZWJ = 0x200C, 0x200D
_NONE = -1  # what stands before the first character of a text, and behind its last

# Characters that no step changes, whatever stands beside them: nearly all of most texts. For NFC:
_PLAIN = (
    r"\x{A1}-\x{AC}\x{AE}-\x{2FF}\x{388}-\x{482}\x{48A}-\x{52F}\x{5D0}-\x{5EA}\x{61D}-\x{64A}\x{660}-\x{66F}"
    r"\x{671}-\x{6D5}\x{900}-\x{93B}\x{93D}-\x{94C}\x{E01}-\x{E37}\x{10D0}-\x{10FF}\x{1E00}-\x{1EFF}\x{2010}-\x{2027}"
    r"\x{2030}-\x{205E}\x{20A0}-\x{20C0}\x{2190}-\x{2328}\x{232B}-\x{2ADB}\x{2B00}-\x{2BFF}\x{3001}-\x{3029}"
    r"\x{3030}-\x{3096}\x{309B}-\x{9FFF}\x{AC00}-\x{D7A3}\x{FE0E}-\x{FE0F}\x{FE30}-\x{FE4F}\x{FF01}-\x{FFEE}"
    r"\x{1F000}-\x{1FAFF}\x{20000}-\x{2F7FF}"
)
# For NFKC:
_PLAIN_NFKC = (
    r"\x{A1}-\x{A7}\x{A9}\x{AB}-\x{AC}\x{AE}\x{B0}-\x{B1}\x{B6}-\x{B7}\x{BB}\x{BF}-\x{131}\x{134}-\x{13E}"
    r"\x{141}-\x{148}\x{14A}-\x{17E}\x{180}-\x{1C3}\x{1CD}-\x{1F0}\x{1F4}-\x{2AF}\x{388}-\x{3CF}\x{400}-\x{482}"
    r"\x{48A}-\x{52F}\x{5D0}-\x{5EA}\x{61D}-\x{64A}\x{660}-\x{66F}\x{679}-\x{6D5}\x{900}-\x{93B}\x{93D}-\x{94C}"
    r"\x{E01}-\x{E32}\x{E34}-\x{E37}\x{10D0}-\x{10FA}\x{1E00}-\x{1E99}\x{1E9C}-\x{1EFF}\x{2010}\x{2012}-\x{2016}"
    r"\x{2018}-\x{2023}\x{2030}-\x{2032}\x{20A0}-\x{20A7}\x{20A9}-\x{20C0}\x{2190}-\x{222B}\x{2500}-\x{27BF}"
    r"\x{3001}-\x{3029}\x{3030}-\x{3035}\x{3041}-\x{3096}\x{309D}-\x{309E}\x{30A1}-\x{30FE}\x{3105}-\x{312F}"
    r"\x{3400}-\x{9FFF}\x{AC00}-\x{D7A3}\x{FE0E}-\x{FE0F}\x{1F300}-\x{1FAFF}\x{20000}-\x{2F7FF}"
)


class CleanedTexts(NamedTuple):
    """Cleaned texts, and where each of their characters stood.

    Attributes:
        texts: ``(batch,)`` string.
        starts: ``(batch, None)`` int32: of each code point the first one of the text given that it stands for.
        ends: ``(batch, None)`` int32: the place after the last one.
    """

    texts: tf.Tensor
    starts: tf.RaggedTensor
    ends: tf.RaggedTensor

    @classmethod
    def by(cls, cleaner: TextCleaner | None, texts: tf.Tensor) -> CleanedTexts:
        """Texts ``(batch,)`` string as a cleaner makes them; without one, without the bytes that are not UTF-8."""
        if cleaner is not None:
            return cleaner.clean_with_offsets(texts)
        texts = _valid(texts)
        return _by_row(TracedText.of(texts), texts)

    def in_given(self, starts: tf.RaggedTensor, ends: tf.RaggedTensor) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Spans of the cleaned texts, none of them empty, as spans of the texts given; ``(batch, None)`` int32 each."""
        begins = tf.cast(tf.gather(self.starts.row_starts(), starts.value_rowids()), tf.int32)
        return (
            starts.with_flat_values(tf.gather(self.starts.flat_values, starts.flat_values + begins)),
            ends.with_flat_values(tf.gather(self.ends.flat_values, ends.flat_values + begins - 1)),
        )


class TextCleaner:
    """Cleans texts in the graph, for training, in Python and in an exported model alike.

    The texts equal those of :func:`bert_tf.data.cleaning.clean_text`. Where Python and ICU know different versions of
    Unicode, the combining marks and the compatibility characters that only one of them knows differ; a text that Python
    has cleaned and the text itself become equal all the same. Bytes that are not UTF-8 are dropped.

    Texts in which there is nothing to clean, which are most, are found by one regular expression and skip the rest.

    Args:
        config: the options.
    """

    def __init__(self, config: TextCleaningConfig) -> None:
        self.config = config
        ascii_ = "!-%'-;=-~" if config.html else "!-~"  # without < and &
        plain = ascii_ + (_PLAIN_NFKC if config.unicode == "NFKC" else _PLAIN)
        self._plain = f"(?:[{plain}]+(?: [{plain}]+)*)?"
        self._cleaned = _traced(*config.model_dump().values())

    @classmethod
    def of(cls, cleaning: TextCleaningConfig | Mapping[str, Any] | None) -> TextCleaner | None:
        """The cleaner of a config, or of the values of one; ``None`` where nothing is to be cleaned."""
        if cleaning is None:
            return None
        values = dict(cleaning) if isinstance(cleaning, Mapping) else cleaning.model_dump()
        config = TextCleaningConfig(
            **{name: values[name] for name in TextCleaningConfig.model_fields if name in values}
        )
        nothing = TextCleaningConfig(unicode="none", control_characters=False, html=False, whitespace=False)
        return None if config == nothing else cls(config)

    @tf.autograph.experimental.do_not_convert  # there is nothing to convert, and looking takes a second
    def clean(self, texts: tf.Tensor) -> tf.Tensor:
        """Texts ``(batch,)`` string to cleaned ones."""
        texts = tf.convert_to_tensor(texts)
        others = self._others(texts)

        def cleaned() -> tf.Tensor:
            return tf.tensor_scatter_nd_update(texts, others, self._cleaned(tf.gather_nd(texts, others)).texts)

        return tf.cond(tf.size(others) > 0, cleaned, lambda: texts)

    @tf.autograph.experimental.do_not_convert  # there is nothing to convert, and looking takes a second
    def clean_with_offsets(self, texts: tf.Tensor) -> CleanedTexts:
        """Texts ``(batch,)`` string to cleaned ones with their offsets, in code points of the text given.

        Bytes that are not UTF-8 do not count.
        """
        texts = _valid(texts)
        others = self._others(texts)
        given = _by_row(TracedText.of(texts), texts)

        def cleaned() -> tuple[Any, ...]:
            dirty = tf.gather_nd(texts, others)
            made = _by_row(self._cleaned(dirty), dirty)
            rows = tf.tensor_scatter_nd_update(
                tf.range(tf.size(texts)), others, tf.size(texts) + tf.range(tf.size(dirty))
            )
            return tuple(tf.gather(tf.concat(pair, 0), rows) for pair in zip(given, made, strict=True))

        return CleanedTexts(*tf.cond(tf.size(others) > 0, cleaned, lambda: tuple(given)))

    def _others(self, texts: tf.Tensor) -> tf.Tensor:
        """The rows with something to clean, ``(n, 1)``."""
        return tf.cast(tf.where(~tf.strings.regex_full_match(texts, self._plain)), tf.int32)


@cache
def _traced(*options: Any) -> Callable[[tf.Tensor], TracedText]:
    """The steps of a config, of which these are the values, on texts ``(batch,)``.

    They are some hundred ops, which all models of a process with equal options share.
    """
    config = TextCleaningConfig(**dict(zip(TextCleaningConfig.model_fields, options, strict=True)))

    def steps(trace: TracedText) -> TracedText:
        """In the order of :func:`bert_tf.data.cleaning.clean_text`."""
        if config.html:
            trace = without_html(trace)
        if config.control_characters:
            trace = trace.then(_without_invisible)
        if config.unicode != "none":
            trace = trace.then(lambda texts: _normalize(texts, config.unicode))
        if config.whitespace:
            trace = trace.then(_collapse_whitespace)
        return trace

    def trace(texts: tf.Tensor) -> TracedText:
        given = TracedText.of(_valid(texts))
        return given.until_unchanged(steps) if config.html else steps(given)

    return tf.function(trace, input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)


def _valid(texts: tf.Tensor) -> tf.Tensor:
    return tf.strings.unicode_transcode(tf.convert_to_tensor(texts), "UTF-8", "UTF-8", errors="ignore")


def _by_row(trace: TracedText, given: tf.Tensor) -> CleanedTexts:
    """Counts the places in each text ``(batch,)`` given from 0."""
    lengths = character_counts(trace.texts)
    before = tf.gather(tf.cumsum(character_counts(given), exclusive=True), rows_of(lengths))
    places = [
        tf.RaggedTensor.from_row_lengths(each - before, tf.cast(lengths, tf.int64), validate=False)
        for each in (trace.starts, trace.ends)
    ]
    return CleanedTexts(trace.texts, *places)


def _without_invisible(texts: tf.Tensor) -> Change:
    """Removes invisible characters, but ZWJ, ZWNJ and tags where they are spelling; makes spaces of some others."""
    codes = tf.strings.unicode_decode(texts, "UTF-8").flat_values
    row = rows_of(character_counts(texts))
    same_row = row[1:] == row[:-1]
    before = tf.concat([[_NONE], tf.where(same_row, codes[:-1], _NONE)], 0)[: tf.size(codes)]
    after = tf.concat([tf.where(same_row, codes[1:], _NONE), [_NONE]], 0)[: tf.size(codes)]

    joins = is_in(classes.JOINING, before)
    emoji = is_in(classes.EMOJI, before) & is_in(classes.ARROWS + classes.EMOJI, after)
    removed = is_in(classes.INVISIBLE, codes) & ~_in_flag(codes, before, after)
    removed |= ((codes == _ZWNJ) & ~joins) | ((codes == _ZWJ) & ~joins & ~emoji)
    codes = tf.where(is_in(classes.CONTROL_SPACES, codes), ord(" "), codes)
    return _keep(codes, row, ~removed, tf.size(texts))


def _in_flag(codes: tf.Tensor, before: tf.Tensor, after: tf.Tensor) -> tf.Tensor:
    """Which of the characters ``(n,)`` belong to a flag: tags that follow a black flag, and the one that ends them."""
    is_tag = is_in(classes.TAGS, codes)
    begins_run = is_tag & ~is_in(classes.TAGS, before)
    run = tf.cumsum(tf.cast(begins_run, tf.int32)) - 1
    runs = tf.reduce_sum(tf.cast(begins_run, tf.int32))

    def any_of_run(values: tf.Tensor) -> tf.Tensor:
        """Of each run, whether a value of one of its tags is true."""
        return tf.math.unsorted_segment_max(tf.cast(values & is_tag, tf.int32), run, runs) > 0

    complete = any_of_run(before == ord(classes.FLAG)) & any_of_run(after == ord(classes.END_OF_TAGS))
    is_end = (codes == ord(classes.END_OF_TAGS)) & is_in(classes.TAGS, before)
    of_run = tf.gather(tf.concat([complete, [False]], 0), tf.where(run < 0, runs, run))
    return (is_tag | is_end) & of_run


def _collapse_whitespace(texts: tf.Tensor) -> Change:
    """Makes one space of each run of whitespace, and nothing of those at the ends."""
    codes = tf.strings.unicode_decode(texts, "UTF-8").flat_values
    row = rows_of(character_counts(texts))
    is_space = is_in(SPACES, codes)
    is_word = tf.cast(~is_space, tf.int32)
    words = tf.math.unsorted_segment_sum(is_word, row, tf.size(texts))  # characters of words in each row
    seen = tf.cumsum(is_word, exclusive=True) - tf.gather(tf.cumsum(words, exclusive=True), row)
    begins_run = is_space & ~tf.concat([[False], is_space[:-1]], 0)[: tf.size(codes)]
    keep = ~is_space | (begins_run & (seen > 0) & (seen < tf.gather(words, row)))
    change = _keep(tf.where(is_space, ord(" "), codes), row, keep, tf.size(texts))
    # A space stands for its whole run, which ends where the next character begins; behind a kept space there is one.
    follows = tf.concat([change.first[1:] - 1, change.last[-1:]], 0)
    return change._replace(last=tf.where(tf.gather(is_space, change.first), follows, change.last))


def _keep(codes: tf.Tensor, row: tf.Tensor, keep: tf.Tensor, rows: tf.Tensor) -> Change:
    """Texts of some of the characters ``(characters,)`` int32 of some rows."""
    lengths = tf.math.unsorted_segment_sum(tf.cast(keep, tf.int64), row, rows)
    kept = tf.RaggedTensor.from_row_lengths(tf.boolean_mask(codes, keep), lengths, validate=False)
    places = tf.cast(tf.where(keep)[:, 0], tf.int32)
    return Change(tf.strings.unicode_encode(kept, "UTF-8"), places, places)


def _normalize(texts: tf.Tensor, form: str) -> Change:
    """A Unicode normal form. Characters that were changed together stand for all that were."""
    # A last character that changes nothing: its place is the end of the text, and no row is empty, which the op that
    # finds the sources does not bear.
    ended = tf.strings.join([texts, "\n"])
    normalized, offsets_map = tf_text.normalize_utf8_with_offsets_map(ended, form)
    old, new = (tf.strings.unicode_decode_with_offsets(each, "UTF-8")[1] for each in (ended, normalized))
    source = tf_text.find_source_offsets(offsets_map, new).flat_values
    before = tf.cumsum(tf.cast(tf.strings.length(ended), tf.int64), exclusive=True)
    row = rows_of(character_counts(normalized))
    places = tf.searchsorted(
        old.flat_values + tf.gather(before, rows_of(character_counts(ended))), source + tf.gather(before, row)
    )
    same_row = row[1:] == row[:-1]
    starts, ends = tf.boolean_mask(places[:-1], same_row), tf.boolean_mask(places[1:], same_row)
    # These counted the last characters of the rows before too.
    starts, ends = (each - tf.boolean_mask(row[1:], same_row) for each in (starts, ends))
    # In the middle of a change ICU gives its end; where it begins, the first character of the change knows.
    knows = starts < ends
    starts = tf.gather(tf.boolean_mask(starts, knows), tf.cumsum(tf.cast(knows, tf.int32)) - 1)
    lengths = tf.strings.length(normalized)
    texts = tf.strings.substr(normalized, tf.zeros_like(lengths), lengths - 1)
    return Change(texts, starts, ends - 1)
