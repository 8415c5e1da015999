"""Which encoding the bytes of a text are in, guessed from a sample: for files that are not UTF-8.

Legacy encodings have no mark, so that the characters decide: a text is read as each candidate, and every character
that is not ASCII is worth the more the more usual it is there. Chinese files are usually GBK, and short (a review, a
title): where two readings are worth the same, GB18030 wins.
"""

from __future__ import annotations

import codecs
import difflib
import encodings.aliases
import unicodedata
from collections.abc import Callable, Iterator
from typing import NamedTuple

AUTO = "auto"
"""UTF-8, and what is not UTF-8 is guessed."""

_SUPERSETS = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "iso8859-1": "cp1252",
}
"""Files that are said to be in the first hold characters of the second, which reads every text of the first."""

_COMMON_CHINESE = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经"
    "么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实很太非常喜欢差物流服务房间质量快慢京东买书店"
)
_COMMON_KOREAN = frozenset(
    "이다는을를가에의고하도한지로사리기서나어아자은해니시대인일들스수그정라요습만있보부너무게으주전장여제비안과마없면우것"
)
_KANA = frozenset(map(chr, range(0x3041, 0x30FF)))
_SURE, _POSSIBLE, _MARGIN = 0.6, 0.3, 0.1
_TELLING = 1 << 14


class Guess(NamedTuple):
    """What the bytes may be.

    Attributes:
        encoding: the one to read by; ``None`` if none is sure.
        candidates: the two most probable ones if none is sure; fewer where fewer are possible.
    """

    encoding: str | None
    candidates: tuple[str, ...] = ()


def check_name(name: str) -> str:
    """Returns the name of an encoding, or raises ValueError with the nearest known ones."""
    if name.lower() == AUTO:
        return AUTO
    try:
        if getattr(codecs.lookup(name), "_is_text_encoding", True):
            return name
    except LookupError:
        pass
    known = {AUTO, *encodings.aliases.aliases, *encodings.aliases.aliases.values()}
    near = difflib.get_close_matches(name.lower().replace("-", "_"), sorted(known), n=3)
    hint = f" (did you mean {' or '.join(near)}?)" if near else " (such as auto, utf-8, gb18030, big5, cp1252)"
    raise ValueError(f"there is no encoding {name!r}{hint}")


def codec_name(name: str) -> str:
    """Python's name of the codec that reads an encoding: that of its superset where files hold more than it says."""
    name = codecs.lookup(name).name
    return _SUPERSETS.get(name, name)


def is_utf8(sample: bytes, *, complete: bool) -> bool:
    """Whether bytes are UTF-8, perhaps with some broken ones, rather than of another encoding.

    Args:
        sample: from a file.
        complete: whether the file ends with it, or a character may be cut.
    """
    text = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode(sample, complete)
    broken = sum("\udc80" <= character <= "\udcff" for character in text)
    whole = sum(len(c.encode()) for c in text if c > "\x7f" and not "\ud800" <= c <= "\udfff")
    return whole > 4 * broken if broken else True


def guess_wide(sample: bytes) -> str | None:
    """UTF-16 or UTF-32 without a byte-order mark, of a file's beginning that holds zero bytes; else ``None``."""
    for encoding, width in (("utf-32-le", 4), ("utf-32-be", 4), ("utf-16-le", 2), ("utf-16-be", 2)):
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(sample[: len(sample) // width * width])
        except UnicodeDecodeError:
            continue
        if "\0" in text:
            continue
        narrow = text.encode("utf-16-le", "surrogatepass")
        # Two letters of ASCII read as one character are a Chinese one: those of such a pair say nothing.
        pairs = sum(0x20 <= a < 0x7F and 0x20 <= b < 0x7F for a, b in zip(narrow[::2], narrow[1::2], strict=True))
        usual = sum(c in ' \t\r\n,.;:"0123456789' or c.isalpha() for c in text)
        swapped = sum(c in "\u0a00\u0d00\u0900\u2000\u2c00\u6100\u6500" for c in text)
        blanks = sum(c in "\n\r\t ,ae" for c in text)
        if 2 * pairs < len(text) and 10 * usual >= 8 * len(text) and blanks > swapped:
            return encoding
    return None


def guess(sample: bytes, *, complete: bool) -> Guess:
    """What bytes that are not UTF-8 are.

    Args:
        sample: from a file, from the first byte on that is not ASCII or somewhat before.
        complete: whether the file ends with it, or a character may be cut.
    """
    telling = b"".join(line for line in sample.splitlines(keepends=True) if not line.isascii())
    complete, sample = complete and len(telling) <= _TELLING, telling[:_TELLING]
    found = []
    for order, (encoding, worth) in enumerate(_CANDIDATES.items()):
        text = codecs.getincrementaldecoder(encoding)("surrogateescape").decode(sample, complete)
        broken = sum("\udc80" <= character <= "\udcff" for character in text)
        if 5 * broken <= sum(1 for _ in _beyond_ascii(text)):  # a broken byte does not decide
            found.append((worth(text), -order, encoding, text))
    found.sort(reverse=True)
    if not found or found[0][0] < _POSSIBLE:
        return Guess(None)
    (score, _, encoding, text), *others = found
    if score < _SURE:
        return Guess(None, (encoding, *(one[2] for one in others if one[0] >= _POSSIBLE and one[3] != text))[:2])
    near = (name for worth, _, name, other in others if other != text and score - worth < _MARGIN)
    rivals = [name for name in near if name not in _LESS_USUAL.get(encoding, ())]
    return Guess(None, (encoding, rivals[0])) if rivals else Guess(encoding)


def _beyond_ascii(text: str) -> Iterator[str]:
    return (character for character in text if character > "\x7f")


def _mean(worths: list[float]) -> float:
    return sum(worths) / len(worths) if worths else 0.0


def _east_asian(
    charset: str, levels: tuple[tuple[int, int, float], ...], common: frozenset[str] = frozenset()
) -> Callable[[str], float]:
    """Scores a text by the rows of ``charset`` (lead bytes) that its characters are in, and by how common they are."""

    def worth(character: str) -> float:
        try:
            code = character.encode(charset)
        except UnicodeEncodeError:
            return 0.8 if unicodedata.category(character) == "So" else 0.1  # a symbol, such as an emoji
        return next((value for first, last, value in levels if first <= code[0] <= last), 0.1) if len(code) > 1 else 0.1

    def score(text: str) -> float:
        characters = list(_beyond_ascii(text))
        share = _mean([float(character in common) for character in characters]) if common else 0.0
        return _mean([worth(character) for character in characters]) + 0.3 * share

    return score


def _alphabetic(rare: str) -> Callable[[str], float]:
    """Scores a text of accented letters, each alone among those of ASCII, and of typographic signs."""

    def worth(before: str, character: str, after: str) -> float:
        if character.isalpha() and character not in "ªº":
            if before > "\x7f" or after > "\x7f":
                return 0.25
            spelled = before.isalpha() or after.isalpha() or character in "àèéÀÈÉ"
            return 0.25 if not spelled else 0.5 if character in rare else 1.0
        if before.isalpha() and after.isalpha() and character not in "’‘·\xad–—":
            return 0.0
        return 0.8 if character in "’‘“”«»–—…€£°·•§™®©¡¿" else 0.4 if character == "\xa0" else 0.2

    def score(text: str) -> float:
        neighbours = zip(" " + text, text, text[1:] + " ", strict=False)
        return _mean([worth(*three) for three in neighbours if three[1] > "\x7f"])

    return score


def _cyrillic(text: str) -> float:
    """Scores a text of Cyrillic letters: small ones, and capitals at the start of a word."""
    worths = []
    for before, character, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if character > "\x7f":
            alone = (before.isascii() and before.isalpha()) or (after.isascii() and after.isalpha())
            is_letter = ("\u0410" <= character <= "\u044f" or character in "ёЁіІїЇєЄґҐўЎ") and not alone
            plausible = is_letter and (character.islower() or not before.isalpha())
            worths.append(1.0 if plausible else 0.5 if character in "«»–—„“…\xa0№" else -1.0)
    return _mean(worths) if len(worths) > 2 else 0.2


_SIGNS = (0xA1, 0xA3, 0.9)
# In this order of preference.
_CANDIDATES: dict[str, Callable[[str], float]] = {
    "gb18030": _east_asian("gb2312", (_SIGNS, (0xB0, 0xD7, 1.0), (0xD8, 0xF7, 0.5)), _COMMON_CHINESE),
    "big5hkscs": _east_asian("big5", (_SIGNS, (0xA4, 0xC6, 1.0), (0xC9, 0xF9, 0.3))),
    "cp932": _east_asian("shift_jis", ((0x81, 0x83, 1.0), (0x88, 0x98, 1.0), (0x99, 0xEA, 0.3)), _KANA),
    "euc_jp": _east_asian(
        "euc_jp", ((0xA1, 0xA1, 0.9), (0xA4, 0xA5, 1.0), (0xB0, 0xCF, 0.8), (0xD0, 0xF4, 0.3)), _KANA
    ),
    "cp949": _east_asian("euc_kr", ((0xA1, 0xA1, 0.9), (0xB0, 0xC8, 1.0), (0xCA, 0xFD, 0.1)), _COMMON_KOREAN),
    "cp1252": _alphabetic("ðþýìÿÐÞÝ"),
    "cp1250": _alphabetic("ŕĺţđ"),
    "cp1254": _alphabetic("øåæìõãðÿ"),
    "cp1251": _cyrillic,
}
# An encoding wins a tie with those that hold less of what people write.
_LESS_USUAL = {"gb18030": frozenset(_CANDIDATES), "cp1252": frozenset(["cp1250", "cp1254"])}
