"""A small corpus in several formats, in which it is known what every step must do."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from bert_tf.pretraining.corpus_config import PreparationConfig
from bert_tf.tokenization.vocabulary import RESERVED_TOKENS

CHARACTERS = [chr(code) for code in range(0x4E00, 0x4E00 + 300)]
WORDS = ["good", "bad", "book", "film", "story", "actor", "##s", "very", "quite"]
DOCUMENTS = 60


def sentences(choose: random.Random, count: int) -> str:
    """A document, Chinese or English."""
    if choose.random() < 0.5:
        made = ["".join(choose.choices(CHARACTERS, k=choose.randint(8, 25))) + "。" for _ in range(count)]
        return "".join(made)
    return " ".join(" ".join(choose.choices(WORDS[:6] + WORDS[7:], k=9)).capitalize() + "." for _ in range(count))


def write_corpus(folder: Path) -> dict[str, Any]:
    """Writes files; returns the values of a config, the texts that must survive, and the report of what must not."""
    choose = random.Random(7)
    originals = [sentences(choose, choose.randint(2, 8)) for _ in range(DOCUMENTS)]
    excluded = originals[:4]
    rows = [
        *originals[:40],
        *originals[10:15],  # equal
        *(f"  {text}\u200b " for text in originals[15:17]),  # equal once cleaned
        *(text + "多" for text in originals[20:23]),  # nearly equal
        "好。",
        "1 2 3 4 5 6 7 8 9 10 11 12",
        "",
    ]
    (folder / "b.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in rows), encoding="utf-8")
    # Blank lines part documents; one is nearly equal to one of the first file.
    lines = [*(text.replace("。", "。\n") for text in originals[40:]), originals[30].replace("。", "。\n") + "了"]
    (folder / "c.txt").write_text("\n\n".join(lines), encoding="utf-8")
    table = "\n".join(f"1\t{text}" for text in [*excluded[:3], excluded[3] + "了"])
    (folder / "test.tsv").write_text(f"label\treview\n{table}\n", encoding="utf-8")
    (folder / "vocab.txt").write_text("\n".join([*RESERVED_TOKENS, *CHARACTERS, *WORDS, "。", "."]) + "\n")
    survivors = originals[4:40] + [text.replace("。", "。\n").strip() for text in originals[40:]]
    return {
        "config": {
            "data": [str(folder / "b.jsonl"), str(folder / "c.txt")],
            "exclude": str(folder / "test.tsv"),
            "exclude_columns": ["review"],
            "vocabulary": str(folder / "vocab.txt"),
            "sequence_length": 32,
            "validation_ratio": 0.2,
            "corpus": {"shards": 3},
        },
        "survivors": survivors,
        "dropped": {
            "empty": 0,  # no document: the reader passes over empty rows
            "excluded": 4,
            "too_short": 1,
            "too_long": 0,
            "few_letters": 1,
            "little_chinese": 0,
            "repeated_lines": 0,
            "exact_duplicates": 7,
            "near_duplicates": 4,
        },
    }


def preparation(raw: dict[str, Any], output: Path, **changes: Any) -> PreparationConfig:
    """The config of a corpus of :func:`write_corpus`, with changes."""
    values = {**raw["config"], "output": str(output), **changes}
    if values.get("format") != "examples":
        values["vocabulary"] = None
    return PreparationConfig(**values)


def files(folder: Path) -> dict[str, bytes]:
    """Name to content, of every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
