"""Every task on real data, beside Hugging Face + PyTorch with the same checkpoint, rows and recipe.

    python benchmarks/results.py --data ../shared/data --peer_python peers-venv/bin/python --output results.jsonl
    python benchmarks/results.py --write                               # what is measured, into docs/results.md

``--data`` holds the folders sst2, mrpc, rte, stsb, go_emotions, wnut17, cluener, squad, cmn_eng, chnsenticorp, tnews
and ocnli as their sources publish them (not part of this project); ``--rows`` chooses some, ``--seeds`` how often. What
``--output`` (by default benchmarks/results.jsonl) already holds is not run again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.machine import describe
from benchmarks.results_files import write_head
from benchmarks.results_rows import MINILM, ROWS, Files, Row, command, train_and_evaluate
from benchmarks.sst2_accuracy import package_folder
from bert_tf.atomic_file import write_atomically

DOCS = Path(__file__).parents[1] / "docs"
MARKS = ("<!-- table -->", "<!-- end -->")
PEERS = Path(__file__).with_name("peers")


def prepare(row: Row, data: Path, folder: Path) -> list[Path | str | None]:
    """The row's files, cut to its limit and derived where it says so."""
    paths: list[Path | str | None] = []
    for number, name in enumerate(row.files):
        path = name if name is None or name.startswith("demo:") else data / name
        limit = row.limit if number == 0 else None
        if isinstance(path, Path) and (limit is not None or row.derive is not None):
            cut = folder / f"{('train', 'validation', 'test')[number]}{path.suffix}"
            write_head(path, cut, limit, row.derive)
            path = cut
        paths.append(path)
    return paths


def ours(row: Row, files: Files, folder: Path, seed: int) -> dict[str, Any]:
    """The row's metrics by bert_tf, and the time."""
    started = time.perf_counter()
    metrics = (row.run or train_and_evaluate)(row, files, folder / "run", seed)
    return {name: metrics[name] for name in row.metrics} | {"seconds": time.perf_counter() - started}


def peer(row: Row, files: Files, folder: Path, seed: int, python: str) -> dict[str, Any]:
    """The same by the peer's script, scored here."""
    assert row.peer is not None
    script, flags, score = row.peer
    train, validation, test = files
    assert isinstance(test, Path)
    predictions = folder / "predictions.json"
    model = package_folder()
    if row.backbone == "zh_mini":
        model = folder / "huggingface"
        command("export", "--backbone", row.backbone, "--format", "huggingface", "--output", model)
    argv: list[object] = [python, PEERS / script, "--model", model, "--seed", seed, "--epochs", row.epochs]
    argv += ["--train", train, "--validation", validation or test, "--test", test, "--predictions", predictions]
    argv += ["--learning_rate", row.learning_rate, "--batch_size", row.batch_size]
    argv += ["--max_length", row.sequence_length, *flags]
    started = time.perf_counter()
    subprocess.run(list(map(str, argv)), check=True, stdout=subprocess.PIPE)
    found = score(test, json.loads(predictions.read_text(encoding="utf-8")))
    return {name: found[name] for name in row.metrics} | {"seconds": time.perf_counter() - started}


def table(lines: Sequence[dict[str, Any]]) -> str:
    """Markdown: a line for each row and toolkit, means over the seeds."""
    made = ["| task | data | backbone | metric | bert_tf | Hugging Face + PyTorch | seeds | minutes |"]
    made.append("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, row in ROWS.items():
        of_row = [line for line in lines if line["row"] == name]
        if not of_row:
            continue

        def mean(who: str, metric: str, of_row: list[dict[str, Any]] = of_row) -> float | None:
            values = [line[who][metric] for line in of_row if who in line]
            return statistics.mean(values) if values else None

        def show(who: str, row: Row = row, mean: Callable[[str, str], float | None] = mean) -> str:
            values = [value for metric in row.metrics if (value := mean(who, metric)) is not None]
            digits = 2 if max(values, default=0) > 1 else 4  # BLEU and chrF go to 100, all others to 1
            return " / ".join(f"{value:.{digits}f}" for value in values) or "–"

        minutes = [mean(who, "seconds") for who in ("bert_tf", "peer")]
        spent = " / ".join(f"{value / 60:.1f}" for value in minutes if value is not None)
        backbone = "MiniLM-L6" if row.backbone == MINILM else f"`{row.backbone}`"
        cells = [f"`{row.task}`", row.title, backbone, " / ".join(row.metrics), show("bert_tf"), show("peer")]
        made.append(f"| {' | '.join(cells)} | {len(of_row)} | {spent} |")
    return "\n".join(made)


def write(text: str) -> None:
    """Puts the table between the marks in docs/results.md and its translation."""
    for name in ("results.md", "zh-CN/results.md"):
        path = DOCS / name
        before, _, rest = path.read_text(encoding="utf-8").partition(MARKS[0])
        after = rest.partition(MARKS[1])[2]
        path.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--peer_python", help="Python of the environment of benchmarks/peers/requirements.txt")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[42])
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).with_suffix(".jsonl"), help="a line a row and seed"
    )
    parser.add_argument("--write", action="store_true", help="put the table into docs/results.md")
    arguments = parser.parse_args()
    known = arguments.output.read_text(encoding="utf-8").splitlines() if arguments.output.exists() else []
    lines = [json.loads(line) for line in known]
    for name in arguments.rows if arguments.data else ():
        for seed in arguments.seeds:
            row = ROWS[name]
            wanted = {"bert_tf"} | ({"peer"} if row.peer is not None and arguments.peer_python else set())
            line = next((line for line in lines if (line["row"], line["seed"]) == (name, seed)), None)
            if line is None:
                line = {"row": name, "seed": seed}
                lines.append(line)
            missing = sorted(wanted - line.keys())
            if not missing:
                continue
            with tempfile.TemporaryDirectory() as folder:
                files = prepare(row, arguments.data, Path(folder))
                for who in missing:
                    if who == "peer":
                        measured = peer(row, files, Path(folder), seed, arguments.peer_python)
                    else:
                        measured = ours(row, files, Path(folder), seed)
                    line[who] = measured | {"machine": describe()}  # the sides may be measured on different days
                    write_atomically(arguments.output, "".join(json.dumps(each) + "\n" for each in lines))
            print(json.dumps(line), flush=True)
    sides = [line[who] for line in lines for who in ("bert_tf", "peer") if who in line]
    machines = sorted({each["machine"] for each in (*lines, *sides) if "machine" in each})
    text = f"{table(lines)}\n\nMeasured on: {'; '.join(machines)}."
    print(text)
    if arguments.write:
        write(text)


if __name__ == "__main__":
    main()
