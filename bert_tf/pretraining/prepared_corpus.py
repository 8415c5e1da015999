"""A folder that ``prepare_corpus`` wrote: its description, its report, and whether a pre-training run can use it."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

import tensorflow as tf
from pydantic import BaseModel

from bert_tf.data.files import is_remote
from bert_tf.errors import UserError
from bert_tf.pretraining.corpus_config import PreparationConfig
from bert_tf.pretraining.corpus_steps import DROPPED
from bert_tf.pretraining.example_files import Description, write_description
from bert_tf.pretraining.pretraining_config import PretrainingConfig

VOCABULARY_FILE = "vocab.txt"
_DESCRIPTION = "description.json"
_DROPPED = (*DROPPED, "exact_duplicates", "near_duplicates")
_OF_THE_RUN = {"output", "processes", "runner", "vocabulary"}
_OF_EXAMPLES = {"lowercase", "sequence_length", "validation_ratio", "corpus"}


@dataclass(frozen=True)
class PreparedCorpus:
    """What a folder holds.

    Attributes:
        format: ``text`` or ``examples``.
        made_from: everything that decides the files.
        report: what each step read, changed, dropped and wrote.
    """

    format: str
    made_from: dict[str, Any]
    report: dict[str, Any]

    def __str__(self) -> str:
        read, kept, dropped = self.report["read"], self.report["kept"], self.report["dropped"]
        lines = [f"{read['documents']:,} documents read, {kept['documents']:,} kept"]
        if any(dropped.values()):
            counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in dropped.items() if count)
            lines[0] += f" (dropped: {counts})"
        if changed := self.report["changed_by"]:
            lines.append("changed by " + ", ".join(f"{name.replace('_', ' ')}: {n:,}" for name, n in changed.items()))
        for name, written in self.report["written"].items():
            lines.append(f"{name}: " + ", ".join(f"{count:,} {what}" for what, count in written.items()))
        return "\n".join(lines)


def describe(config: PreparationConfig, counts: Mapping[str, int], vocabulary: Sequence[str]) -> PreparedCorpus:
    """The description of what a preparation made.

    Args:
        config: of the preparation.
        counts: ``section/name`` to a number, ``written/part/name`` for what was written.
        vocabulary: tokens by id; empty for ``--format text``.
    """
    made_from = config.model_dump(mode="json", exclude=_OF_THE_RUN | (set() if vocabulary else _OF_EXAMPLES))
    if vocabulary:
        made_from["vocabulary"] = {"size": len(vocabulary), "hash": hash_of_vocabulary(vocabulary)}
    report: dict[str, Any] = {
        "read": {name: counts.get(f"read/{name}", 0) for name in ("documents", "characters")},
        "texts_to_exclude": counts.get("texts_to_exclude", 0),
        "changed_by": {
            name.removeprefix("changed_by/"): count
            for name, count in sorted(counts.items())
            if name.startswith("changed_by/")
        },
        "dropped": {name: counts.get(f"dropped/{name}", 0) for name in _DROPPED},
        "kept": {name: counts.get(f"kept/{name}", 0) for name in ("documents", "characters")},
        "written": {},
    }
    for name, count in sorted(counts.items()):
        if name.startswith("written/"):
            _, part, what = name.split("/")
            report["written"].setdefault(part, {})[what] = count
    return PreparedCorpus(config.format, made_from, report)


def write_descriptions(folder: str, corpus: PreparedCorpus, vocabulary: Sequence[str]) -> None:
    """Writes the descriptions of the folder and of its folders of examples, and the vocabulary."""
    for name, written in corpus.report["written"].items():
        if corpus.format == "examples":
            made_from = {**corpus.made_from, "part": name}
            write_description(
                os.path.join(folder, name), Description(made_from, written["examples"], written["tokens"])
            )
    if vocabulary:
        with tf.io.gfile.GFile(os.path.join(folder, VOCABULARY_FILE), "w") as file:
            file.write("".join(f"{token}\n" for token in vocabulary))
    with tf.io.gfile.GFile(os.path.join(folder, _DESCRIPTION), "w") as file:
        file.write(json.dumps(asdict(corpus), indent=2, ensure_ascii=False) + "\n")


def read_prepared(folder: str) -> PreparedCorpus | None:
    """The description of a prepared folder; ``None`` if this is none."""
    path = os.path.join(folder, _DESCRIPTION)
    if not tf.io.gfile.isdir(folder) or not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path) as file:
        values = json.loads(file.read())
    if "format" not in values:
        return None
    return PreparedCorpus(**values)


@dataclass(frozen=True)
class PreparedExamples:
    """Examples that stand ready in a folder.

    Attributes:
        folder: of the corpus.
        corpus: its description.
    """

    folder: str
    corpus: PreparedCorpus

    def parts(self, *, with_validation: bool) -> dict[str, str]:
        """The folders of the examples by name: ``train``, and ``validation`` where it is wanted."""
        return {name: os.path.join(self.folder, name) for name in ("train", *["validation"] * with_validation)}

    def check_tokenizer(self, vocabulary: Sequence[str], lowercase: bool) -> None:
        """Raises UserError if the examples were made by another tokeniser."""
        known = self.corpus.made_from["vocabulary"]
        advice = "Prepare the corpus with the vocab.txt of the backbone, or give the backbone that it was prepared for."
        if known["hash"] != hash_of_vocabulary(vocabulary):
            raise UserError(
                f"--data {self.folder}: the examples were made with another vocabulary ({known['size']:,} tokens) than "
                f"the backbone's ({len(vocabulary):,} tokens). {advice}"
            )
        if self.corpus.made_from["lowercase"] != lowercase:
            raise UserError(f"--data {self.folder}: only one of the examples and the backbone is lower-case. {advice}")


def use_prepared(config: PretrainingConfig) -> tuple[PretrainingConfig, PreparedExamples | None]:
    """Puts what is in prepared folders into the place of the folders.

    Options that decided the examples are taken over from their description; one that was given otherwise is a mistake.

    Args:
        config: of a pre-training run, whose data may be prepared folders.

    Returns:
        The config to go on with, and the examples, if the data is a folder of examples.

    Raises:
        UserError: an option does not fit the examples, or other data stands beside them.
    """
    data: list[str] = []
    for spec in config.data:
        corpus = read_prepared(spec)
        if corpus is None:
            data.append(spec)
        elif corpus.format == "text":
            data.append(os.path.join(glob.escape(spec), "documents-*.jsonl"))
        elif len(config.data) > 1:
            raise UserError(f"--data {spec}: a folder of examples stands alone; prepare all texts into one folder.")
        else:
            return _fit(config, spec, corpus), PreparedExamples(spec, corpus)
    return config.model_copy(update={"data": data}), None


def _fit(config: PretrainingConfig, folder: str, corpus: PreparedCorpus) -> PretrainingConfig:
    """The config with the options that decided the examples."""
    made_from = corpus.made_from
    decided: dict[str, dict[str, Any]] = {
        "": {name: made_from[name] for name in ("sequence_length", "exclude_splits_of")},
        "corpus.": {name: value for name, value in made_from["corpus"].items() if name != "shards"},
    }
    if config.validation is None:
        decided[""]["validation_ratio"] = made_from["validation_ratio"]
    if config.backbone.startswith("scratch:"):
        decided["scratch."] = {"lowercase": made_from["lowercase"]}
        if config.scratch.vocabulary is None and not is_remote(folder):
            decided["scratch."]["vocabulary"] = os.path.join(folder, VOCABULARY_FILE)
    changes: dict[str, Any] = {}
    for prefix, values in decided.items():
        section: BaseModel = getattr(config, prefix[:-1]) if prefix else config
        for name, value in values.items():
            given = getattr(section, name)
            if name in section.model_fields_set and given not in (value, None):
                raise UserError(
                    f"--{prefix}{name} {given}: the examples in {folder} were made with {value}. Leave the flag out, "
                    "or prepare the corpus anew."
                )
        changes |= {prefix[:-1]: section.model_copy(update=values)} if prefix else values
    return config.model_copy(update=changes)


def hash_of_vocabulary(vocabulary: Sequence[str]) -> str:
    """A short text that is equal for equal tokens in equal order."""
    return blake2b("\n".join(vocabulary).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
