"""Learning a vocabulary: the learner of ``bert_tf.vocab`` (Hugging Face tokenizers) beside TF Text's.

    python benchmarks/vocabulary.py [--data demo:zh_reviews ../shared/data/text_en_wikitext2/train.txt] [--size 8000]

Both learn from nine tenths of the texts of each data spec, each time in a process of its own; they alternate. The table
has medians of time and peak memory (importing TensorFlow counts for TF Text, as nobody gets it without), and how the
vocabularies fit the last tenth.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.machine import describe
from bert_tf.tokenization.vocabulary import RESERVED_TOKENS, learn_vocabulary
from bert_tf.tokenization.vocabulary_report import report_vocabulary


def lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as file:
        yield from file


def learn_by_tokenizers(path: Path, size: int) -> list[str]:
    return learn_vocabulary(lambda: lines(path), size)


def learn_by_tf_text(path: Path, size: int) -> list[str]:
    import tensorflow as tf
    from tensorflow_text.tools.wordpiece_vocab.bert_vocab_from_dataset import bert_vocab_from_dataset

    dataset = tf.data.TextLineDataset(str(path)).batch(1000).prefetch(2)
    return bert_vocab_from_dataset(dataset, size, list(RESERVED_TOKENS), {"lower_case": True})


LEARNERS = {"bert_tf.vocab (tokenizers)": learn_by_tokenizers, "TF Text": learn_by_tf_text}


def measure(learner: str, texts: Path, vocabulary: Path, size: int) -> tuple[float, float]:
    """Learns in a new process; returns seconds and peak MiB."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, __file__, "--learn", learner, str(texts), str(vocabulary), str(size)])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{learner} failed: {status}")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", default=["demo:zh_reviews"], help="data specs, compared one by one")
    parser.add_argument("--size", type=int, default=8000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--learn", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.learn:
        learner, texts, vocabulary, size = arguments.learn
        tokens = LEARNERS[learner](Path(texts), int(size))
        Path(vocabulary).write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
        return

    from bert_tf.data.sources import open_records

    print(f"{describe()}; {arguments.size:,} tokens at most\n")
    print("| text | learner | seconds | peak MiB | tokens | unknown tokens | tokens per word |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for spec in arguments.data:
        with tempfile.TemporaryDirectory() as name:
            train, vocabulary, held_out = Path(name) / "train.txt", Path(name) / "vocab.txt", []
            with train.open("w", encoding="utf-8") as file:
                for number, row in enumerate(open_records(spec)):
                    text = " ".join(str(row.values["text"]).split())
                    if number % 10 == 9:
                        held_out.append(text)
                    else:
                        file.write(f"{text}\n")
            measured: dict[str, list[tuple[float, float]]] = {learner: [] for learner in LEARNERS}
            tokens = {}
            for _ in range(arguments.rounds):
                for learner, of_learner in measured.items():
                    of_learner.append(measure(learner, train, vocabulary, arguments.size))
                    tokens[learner] = vocabulary.read_text(encoding="utf-8").splitlines()
            size = train.stat().st_size / 2**20
            for learner, of_learner in measured.items():
                seconds, memory = (statistics.median(values) for values in zip(*of_learner, strict=True))
                report = report_vocabulary(tokens[learner], held_out, lowercase=True).as_dict()
                print(
                    f"| {Path(spec).name if '/' in spec else spec}, {size:.1f} MiB | {learner} | {seconds:.1f} | "
                    f"{memory:,.0f} | {report['size']:,} | {100 * report['unknown_rate']:.2f} % | "
                    f"{report['tokens_per_word']:.3f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
