"""A folder that ``prepare_corpus`` wrote: its description, its report, and whether a pre-training run can use it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from typing import Any

import tensorflow as tf

from bert_tf.pretraining.corpus_config import PreparationConfig
from bert_tf.pretraining.corpus_steps import DROPPED
from bert_tf.pretraining.example_files import Description, write_description

VOCABULARY_FILE = "vocab.txt"
_DESCRIPTION = "description.json"
_DROPPED = (*DROPPED, "exact_duplicates", "near_duplicates", "excluded", "nearly_excluded")
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


def hash_of_vocabulary(vocabulary: Sequence[str]) -> str:
    """A short text that is equal for equal tokens in equal order."""
    return blake2b("\n".join(vocabulary).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
