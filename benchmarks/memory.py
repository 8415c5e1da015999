"""Memory of prediction: a large JSONL file against a small one, with the same model.

    python benchmarks/memory.py --gigabytes 2

Writes the file, runs ``python -m bert_tf.predict`` on it and on its first 1,000 lines, and prints the peak resident
memory of both. The model is tiny on purpose: what is measured is the stream.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.machine import describe

SENTENCE = "这本书的内容很好，物流也很快。 The film is long, and lovely all the same. "


def write_lines(path: Path, size: int) -> int:
    """Lines of 100 to 4,000 characters until the file has ``size`` bytes; returns their number."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < size:
            for _ in range(1000):
                file.write(json.dumps({"id": count, "text": SENTENCE * (2 + count % 60)}, ensure_ascii=False) + "\n")
                count += 1
    return count


def predict(run: Path, source: Path, output: Path) -> tuple[float, float]:
    """Peak resident memory in MiB, and seconds."""
    started = time.perf_counter()
    argv = [sys.executable, "-m", "bert_tf.predict", "-q", "--run", run, "--data", source, "--output", output]
    process = subprocess.Popen(list(map(str, argv)))
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"predict failed: {status}")
    return usage.ru_maxrss / 1024, time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=2.0)
    parser.add_argument("--sequence_length", type=int, default=32, help="shorter is faster; the texts are read whole")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "train.tsv").write_text("text\tlabel\n" + "好 good\t1\n差 bad\t0\n" * 8, encoding="utf-8")
        flags = ["--backbone", "scratch:tiny", "--data.train", folder / "train.tsv", "--output", folder / "run"]
        flags += ["--training.epochs", 1, "--data.sequence_length", arguments.sequence_length]
        subprocess.run([sys.executable, "-m", "bert_tf.train", "-q", *map(str, flags)], check=True)
        small, large = folder / "small.jsonl", folder / "large.jsonl"
        lines = write_lines(large, int(arguments.gigabytes * 2**30))
        with large.open(encoding="utf-8") as source, small.open("w", encoding="utf-8") as target:
            target.writelines(line for line, _ in zip(source, range(1000), strict=False))
        small_peak, _ = predict(folder / "run", small, folder / "small.out")
        large_peak, spent = predict(folder / "run", large, folder / "large.out")
        with (folder / "large.out").open(encoding="utf-8") as answers:
            assert sum(1 for _ in answers) == lines
        size = large.stat().st_size / 2**30
    print(f"{describe()}\n")
    print(f"1,000 lines: peak {small_peak:,.0f} MiB")
    print(f"{lines:,} lines ({size:.2f} GiB): peak {large_peak:,.0f} MiB, {lines / spent:,.0f} texts/s")


if __name__ == "__main__":
    main()
