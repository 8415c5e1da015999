"""Corpus preparation: documents and tokens per second by number of processes, and the share of padding.

    python benchmarks/corpus.py [--documents 20000] [--rounds 3] [--processes 1 2]

Documents are 5 to 40 sentences drawn from real text (``text_en_wikitext2`` and ``text_zh_luxun`` of the development
data: BERT_TF_SHARED or ../shared) or, where that is absent, from generated text. They are cleaned, filtered,
deduplicated by MinHash, tokenised and written as pairs; starting the processes counts. Numbers of processes alternate;
the table shows medians.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.machine import describe
from bert_tf.pretraining.corpus_config import PreparationConfig
from bert_tf.pretraining.corpus_preparation import prepare_corpus
from bert_tf.pretraining.prepared_corpus import PreparedCorpus
from bert_tf.pretraining.sentences import split_sentences
from bert_tf.tokenization.vocabulary import learn_vocabulary

SHARED = Path(os.environ.get("BERT_TF_SHARED", Path(__file__).parents[2] / "shared")) / "data"
LENGTH = 128


def sentences() -> tuple[str, list[list[str]]]:
    """Where the sentences come from, and those of each language."""
    languages = []
    for pattern in ("text_en_wikitext2/train.txt", "text_zh_luxun/*.txt"):
        paths = sorted(SHARED.glob(pattern))
        languages.append([s for path in paths for s in split_sentences(path.read_text(encoding="utf-8"))])
    if all(languages):
        return "WikiText-2 and Lu Xun", languages
    choose = random.Random(1)
    words = ["".join(choose.choices("abcdefghijklmnopqrstuvwxyz", k=choose.randint(2, 9))) for _ in range(5000)]
    characters = [chr(code) for code in range(0x4E00, 0x4E00 + 3000)]
    english = [" ".join(choose.choices(words, k=choose.randint(5, 40))).capitalize() + "." for _ in range(20000)]
    chinese = ["".join(choose.choices(characters, k=choose.randint(8, 60))) + "。" for _ in range(20000)]
    return "generated text", [english, chinese]


def write_documents(path: Path, languages: list[list[str]], count: int) -> None:
    """One document in ten is nearly one that stands before it."""
    choose = random.Random(2)
    documents: list[str] = []
    for number in range(count):
        if number % 10 == 9:
            documents.append(choose.choice(documents) + " " + choose.choice(languages[0]))
            continue
        language = languages[number % 2]
        documents.append(("" if number % 2 else " ").join(choose.choices(language, k=choose.randint(5, 40))))
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in documents), encoding="utf-8")


def prepare(folder: Path, **changes: Any) -> tuple[PreparedCorpus, float]:
    """Prepares examples in a new folder; returns their description and the seconds."""
    values: dict[str, Any] = {
        "data": str(folder / "raw.jsonl"),
        "format": "examples",
        "vocabulary": str(folder / "vocab.txt"),
        "sequence_length": LENGTH,
    }
    with tempfile.TemporaryDirectory(dir=folder) as output:
        started = time.perf_counter()
        corpus = prepare_corpus(PreparationConfig(**values, **changes, output=f"{output}/corpus"))
        return corpus, time.perf_counter() - started


def written(corpus: PreparedCorpus, what: str) -> int:
    return sum(part[what] for part in corpus.report["written"].values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    table = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        origin, languages = sentences()
        write_documents(folder / "raw.jsonl", languages, arguments.documents)
        vocabulary = learn_vocabulary(lambda: (s for language in languages for s in language), 16_000)
        (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in vocabulary), encoding="utf-8")

        spent: dict[int, list[float]] = {count: [] for count in arguments.processes}
        for _ in range(arguments.rounds):
            for count in arguments.processes:
                corpus, seconds = prepare(folder, processes=count)
                spent[count].append(seconds)
        read, tokens = corpus.report["read"]["documents"], written(corpus, "tokens")
        dropped = corpus.report["dropped"]["near_duplicates"]
        for count, times in spent.items():
            rate = (
                f"{read / statistics.median(times):,.0f} documents/s, {tokens / statistics.median(times):,.0f} tokens/s"
            )
            table.append((f"prepare examples, {count} process{'es' * (count > 1)}", rate))
        table.append(("near-duplicates dropped", f"{dropped:,} of {read:,} documents"))

        corpora = {"pairs (nsp)": corpus}
        for packing in (True, False):
            name = f"masked tokens only, {'with' if packing else 'without'} packing"
            objective = {"objective": "mlm", "packing": packing}
            corpora[name], _ = prepare(folder, corpus=objective, processes=max(arguments.processes))
        for name, corpus in corpora.items():
            padding = 1 - written(corpus, "tokens") / (written(corpus, "examples") * LENGTH)
            table.append((f"padding, {name}", f"{100 * padding:.1f} %"))
    print(f"{describe()}; {arguments.documents:,} documents from {origin}, sequence length {LENGTH}\n")
    print("| what | measured |\n| --- | --- |")
    for what, value in table:
        print(f"| {what} | {value} |")


if __name__ == "__main__":
    main()
