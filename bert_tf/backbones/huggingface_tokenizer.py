"""What the tokeniser files of a Hugging Face directory ask for: what BERT's tokeniser does, or a refusal by name."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bert_tf.backbones.sources.scratch import read_vocabulary
from bert_tf.errors import UserError
from bert_tf.tokenization.bert_tokenizer import MAX_WORD_CHARACTERS
from bert_tf.tokenization.vocabulary import RESERVED_TOKENS, check_vocabulary

logger = logging.getLogger("bert_tf")

CONFIG = "tokenizer_config.json"
_FAST = "tokenizer.json"

_CLASSES = frozenset(["BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer"])
_GENERIC_CLASSES = frozenset(["PreTrainedTokenizerFast", "TokenizersBackend"])  # what tokenizer.json says, they do

# Of tokenizer_config.json: keys that change ids, and the values that are BERT's. A missing key is BERT's, too.
_BERT_VALUES: dict[str, tuple[Any, ...]] = {
    "tokenize_chinese_chars": (True, None),
    "do_basic_tokenize": (True, None),
    "do_word_tokenize": (True, None),
    "do_subword_tokenize": (True, None),
    "clean_text": (True, None),
    "word_tokenizer_type": ("basic", None),
    "subword_tokenizer_type": ("wordpiece", None),
    "wordpieces_prefix": ("##", None),
    "auto_map": (None, {}),
    "do_lower_case": (True, False, None),
    "strip_accents": (True, False, None),
}
_SPECIAL_KEYS = dict(
    zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), RESERVED_TOKENS, strict=True)
)


@dataclass(frozen=True)
class TokenizerSettings:
    """What BERT's tokeniser can be told.

    Attributes:
        lowercase: ``None`` where no file says it.
        strip_accents: ``None``: as ``lowercase``.
        vocabulary: ids by token of ``tokenizer.json``; ``None`` without that file.
    """

    lowercase: bool | None = None
    strip_accents: bool | None = None
    vocabulary: Mapping[str, int] | None = None


def read_settings(directory: Path) -> TokenizerSettings:
    """Reads ``tokenizer_config.json``, ``tokenizer.json``, ``added_tokens.json`` and ``special_tokens_map.json``.

    Where the config and ``tokenizer.json`` differ the config decides, as in Hugging Face.

    Raises:
        UserError: a file is broken, or asks for what BERT's tokeniser does not do, so that texts would get other ids.
    """
    config = _read(directory / CONFIG)
    fast = _read(directory / _FAST)
    _check_config(directory / CONFIG, config)
    _check_class(directory / "config.json", _read(directory / "config.json"))
    _check_special(directory / "special_tokens_map.json", _read(directory / "special_tokens_map.json"))
    _check_added(directory / "added_tokens.json", _read(directory / "added_tokens.json"))
    lowercase, strip_accents = config.get("do_lower_case"), config.get("strip_accents")
    if not fast:
        return TokenizerSettings(lowercase, strip_accents)
    normalizer = _check_fast(directory / _FAST, fast)
    for key, said, here in (
        ("do_lower_case", lowercase, normalizer.get("lowercase", True)),
        ("strip_accents", strip_accents, normalizer.get("strip_accents")),
    ):
        if said is not None and here is not None and said != here:
            logger.warning("%s: %s is %s in %s, but not in %s; the first decides", directory, key, said, CONFIG, _FAST)
    return TokenizerSettings(
        normalizer.get("lowercase", True) if lowercase is None else lowercase,
        normalizer.get("strip_accents") if strip_accents is None else strip_accents,
        fast["model"]["vocab"],
    )


def read_tokens(directory: Path, settings: TokenizerSettings) -> tuple[list[str], Path]:
    """The vocabulary by id, and its file: ``vocab.txt``, or ``tokenizer.json`` without one.

    Raises:
        UserError: there is none, it is broken, or the two give a token different ids.
    """
    path, fast = directory / "vocab.txt", directory / _FAST
    vocabulary = settings.vocabulary
    if vocabulary is not None and not path.exists():
        tokens = sorted(vocabulary, key=lambda token: vocabulary[token])
        if [vocabulary[token] for token in tokens] != list(range(len(tokens))):
            raise UserError(f"{fast}: the ids of its vocabulary are not 0 to {len(tokens) - 1:,}.")
        check_vocabulary(tokens, str(fast))
        return tokens, fast
    tokens = read_vocabulary(path)
    if vocabulary is not None:
        ids = {token: index for index, token in enumerate(tokens)}
        for token in [*vocabulary, *tokens]:
            if ids.get(token) != vocabulary.get(token):
                raise UserError(
                    f"{directory}: vocab.txt and tokenizer.json do not belong together: {token!r} has the id "
                    f"{ids.get(token)} in the first and {vocabulary.get(token)} in the second. Remove the wrong one."
                )
    return tokens, path


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}).") from None
    if not isinstance(values, dict):
        raise UserError(f"{path}: cannot be read (it is no JSON mapping).")
    return values


def _refuse(path: Path, what: str) -> UserError:
    return UserError(
        f"{path}: {what}. That is not BERT's tokeniser as bert_tf has it, and texts would get other ids than in "
        "training. Use a checkpoint whose tokeniser is BERT's, such as bert-base-chinese."
    )


def _check_config(path: Path, config: Mapping[str, Any]) -> None:
    _check_class(path, config)
    for key, values in _BERT_VALUES.items():
        if key in config and config[key] not in values:
            raise _refuse(path, f"{key} is {json.dumps(config[key], ensure_ascii=False)}")
    if kept := [token for token in config.get("never_split") or () if token not in RESERVED_TOKENS]:
        raise _refuse(path, f"never_split keeps {_shown(kept)} whole")
    _check_special(path, config)
    decoder = config.get("added_tokens_decoder") or {}
    _check_added(path, {_content(token): int(index) for index, token in decoder.items()})
    if config.get("truncation_side", "right") != "right" or config.get("padding_side", "right") != "right":
        logger.warning(
            "%s: texts are cut and filled up at their end, whatever truncation_side and padding_side say", path
        )


def _check_class(path: Path, config: Mapping[str, Any]) -> None:
    name = config.get("tokenizer_class")
    if name is not None and name not in _GENERIC_CLASSES and str(name).removesuffix("Fast") not in _CLASSES:
        raise _refuse(path, f"tokenizer_class is {name}")


def _check_special(path: Path, config: Mapping[str, Any]) -> None:
    for key, token in _SPECIAL_KEYS.items():
        if config.get(key) is not None and _content(config[key]) != token:
            raise _refuse(path, f"{key} is {_content(config[key])!r}, not {token!r}")
    more = config.get("additional_special_tokens") or config.get("extra_special_tokens") or ()
    more = list(more.values()) if isinstance(more, Mapping) else more
    if others := [token for token in map(_content, more) if token not in RESERVED_TOKENS]:
        raise _refuse(path, f"it adds the special tokens {_shown(others)}")


def _check_added(path: Path, added: Mapping[str, Any]) -> None:
    if others := [token for token in added if token not in RESERVED_TOKENS]:
        raise _refuse(path, f"it adds the tokens {_shown(others)} to the vocabulary")


def _check_fast(path: Path, fast: Mapping[str, Any]) -> Mapping[str, Any]:
    """Checks ``tokenizer.json`` and returns its normaliser."""
    model = fast.get("model") or {}
    kind = model.get("type", "WordPiece" if "continuing_subword_prefix" in model else None)
    if kind != "WordPiece" or not isinstance(model.get("vocab"), Mapping):
        raise _refuse(path, f"its model is {kind}, not WordPiece")
    for key, value in (
        ("unk_token", "[UNK]"),
        ("continuing_subword_prefix", "##"),
        ("max_input_chars_per_word", MAX_WORD_CHARACTERS),
    ):
        if model.get(key, value) != value:
            raise _refuse(path, f"{key} is {model[key]!r}, not {value!r}")
    normalizers = list(_steps(fast.get("normalizer"), "normalizers"))
    if [step.get("type") for step in normalizers] != ["BertNormalizer"]:
        raise _refuse(path, f"its normalizer is {_types(normalizers)}, not BertNormalizer")
    for key in ("clean_text", "handle_chinese_chars"):
        if not normalizers[0].get(key, True):
            raise _refuse(path, f"{key} is false")
    splitters = list(_steps(fast.get("pre_tokenizer"), "pretokenizers"))
    if [step.get("type") for step in splitters] != ["BertPreTokenizer"]:
        raise _refuse(path, f"its pre_tokenizer is {_types(splitters)}, not BertPreTokenizer")
    _check_template(path, fast.get("post_processor") or {})
    _check_added(path, {_content(token): None for token in fast.get("added_tokens") or ()})
    return normalizers[0]


def _check_template(path: Path, processor: Mapping[str, Any]) -> None:
    """What stands around a text: ``[CLS]`` before and ``[SEP]`` behind."""
    kind = processor.get("type", "BertProcessing")
    if kind == "TemplateProcessing":
        parts = [next(iter(piece.values())).get("id") for piece in processor.get("single", ())]
        if parts != ["[CLS]", "A", "[SEP]"]:
            raise _refuse(path, f"its post_processor makes {' '.join(map(str, parts))}, not [CLS] A [SEP]")
    elif kind != "BertProcessing":
        raise _refuse(path, f"its post_processor is {kind}")


def _steps(step: Any, name: str) -> Iterator[Mapping[str, Any]]:
    """A step, or those of a sequence."""
    if step and step.get("type") == "Sequence":
        for part in step.get(name, ()):
            yield from _steps(part, name)
    elif step:
        yield step


def _types(steps: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(str(step.get("type")) for step in steps) or "missing"


def _content(token: Any) -> str:
    return str(token.get("content")) if isinstance(token, Mapping) else str(token)


def _shown(tokens: Sequence[str]) -> str:
    return ", ".join(tokens[:5]) + (f" and {len(tokens) - 5:,} more" if len(tokens) > 5 else "")
