"""Pre-training: tokens per second on one core, by one process, and on two cores, by two workers; the share of padding.

    python benchmarks/pretraining.py [--backbone scratch:mini] [--texts 3000] [--rounds 2]

The text is that of ``demo:zh_news``. A worker has a core of its own, both share every batch of 32 examples; one process
and two workers alternate. The rate counts from the first step to the last, tracing included.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.machine import describe
from bert_tf.data.sources import open_records


def pretrain(text: Path, run: Path, backbone: str, workers: int, *flags: object) -> dict[str, float]:
    """Starts the command in every worker; returns the rate, and the share of padding in the examples."""
    command = [sys.executable, "-m", "bert_tf.pretrain", "-q", "--backbone", backbone, "--data", text, "--output", run]
    command += ["--validation_ratio", 0, "--training.epochs", 1, "--training.batch_size", 32, *flags]
    command += ["--corpus.objective", "mlm", "--training.tensorboard", "false", "--training.checkpoint_every", 10**6]
    ports = [free_port() for _ in range(workers)]
    processes = []
    for index in range(workers):
        environment = dict(os.environ)
        if workers > 1:
            cluster = {"worker": [f"localhost:{port}" for port in ports]}
            environment["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
        own_core = partial(os.sched_setaffinity, 0, {sorted(os.sched_getaffinity(0))[index]})
        processes.append(subprocess.Popen(list(map(str, command)), env=environment, preexec_fn=own_core))
    if any(process.wait() for process in processes):
        raise SystemExit("pretrain failed")
    made = json.loads((run / "examples" / "train" / "description.json").read_text(encoding="utf-8"))
    rate = json.loads((run / "environment.json").read_text(encoding="utf-8"))["tokens_per_second"]
    return {"tokens_per_second": rate, "padding": 1 - made["tokens"] / (made["examples"] * 128)}


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("localhost", 0))
        return int(opened.getsockname()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbone", default="scratch:mini")
    parser.add_argument("--texts", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = folder / "news.jsonl"
        with text.open("w", encoding="utf-8") as file:
            for row, _ in zip(open_records("demo:zh_news"), range(arguments.texts), strict=False):
                file.write(json.dumps({"text": row.values["text"]}, ensure_ascii=False) + "\n")
        rates: dict[int, list[float]] = {1: [], 2: []}
        padding = 0.0
        for number in range(arguments.rounds):
            for workers, found in rates.items():
                measured = pretrain(text, folder / f"run-{workers}-{number}", arguments.backbone, workers)
                found.append(measured["tokens_per_second"])
                padding = measured["padding"]
        apart = pretrain(text, folder / "unpacked", arguments.backbone, 1, "--corpus.packing", "false")
    one, two = (statistics.median(found) for found in rates.values())
    print(f"{describe()}; {arguments.backbone}, 128 tokens, batches of 32, {arguments.texts:,} texts of demo:zh_news\n")
    print("| what | measured |\n| --- | --- |")
    print(f"| one process on one core | {one:,.0f} tokens/s |")
    print(f"| two workers on two cores | {two:,.0f} tokens/s ({two / one:.2f} times) |")
    print(f"| padding with packing | {100 * padding:.1f} % |")
    print(f"| padding without | {100 * apart['padding']:.1f} % |")


if __name__ == "__main__":
    main()
