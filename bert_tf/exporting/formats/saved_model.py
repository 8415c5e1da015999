"""A task as a SavedModel: strings in, finished answers out, checked before anyone can load it."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from pydantic import Field

from bert_tf.config import Section
from bert_tf.errors import UserError
from bert_tf.exporting.exportable import Exportable, Texts
from bert_tf.exporting.publish import publish
from bert_tf.exporting.saved_model_check import check_ops, check_signatures
from bert_tf.exporting.warmup import write_warmup_requests
from bert_tf.plain_path import is_plain
from bert_tf.tasks.task import TextTask

logger = logging.getLogger("bert_tf")

NASTY_TEXTS = (
    "",
    " ",
    "\u0000\u0007\ufeff\u200b",
    "[CLS] [MASK] [SEP] [PAD]",
    "a" * 5000,
    "很" * 2000,
    "😀👩‍👩‍👧‍👦🇨🇳 e\u0301 ﬁ ＡＢＣ １２３",
    "<b>&amp;</b>\r\n\t'\"\\",
    "&amp;lt;br&amp;gt;&#x1F600;&notit; <!-- x --><p title='>'>H<sub>2</sub>O &#0;&#99999999;",
    " \u1112\u1161\u11ab\u0085\u00a0 می\u200cخواهم\u200d 🏴\U000e0067\U000e007f ｇｏｏｄ\x0bq\u0323\u0307 ",
    "ﷺ İstanbul ǅ ẞ ß Ω ﬃ",
    "mixed 中文 and English，标点！",
)
"""Texts that break tokenisers; the check after export compares the answers on them too."""

DIFFERENCE = "largest difference from Keras"


SEVERAL_TASKS = True


class Options(Section):
    """Flags of ``--format saved_model``."""

    version: int | None = Field(None, ge=0, description="version number (default: one more than the highest)")


def target(output: Path, options: Options) -> Path:
    """The directory of the version.

    Raises:
        UserError: it exists.
    """
    made = output / str(next_version(output) if options.version is None else options.version)
    if made.exists():
        raise UserError(f"--version {made.name}: {made} exists already; versions are never overwritten.")
    if not is_plain(output):
        logger.warning("TensorFlow Serving reads %s as a pattern: copy the version to be served", output)
    return made


def write(model: Exportable, directory: Path, options: Options) -> None:
    """Writes the graph with its tokenisers, the labels and warm-up requests.

    Of several tasks each is a signature, and ``serving_default`` is the first; a backbone that they share is stored
    once.

    Args:
        model: one task or several.
        directory: to fill, beside the other versions; the folder above names the model in the warm-up requests.
        options: of the format.
    """
    logger.info("writing the SavedModel")
    served = _served(model)
    _write(list(model.tasks.values()), _signatures(model), _labels(model), directory)
    # Batches of the sizes that a server forms, so that its first requests find their shapes already traced.
    warmup = [
        (signature, {name: values[:size] for name, values in _check_batches(task, texts)[0].items()})
        for signature, (task, texts) in served.items()
        for size in (1, len(texts) or 1)
    ]
    write_warmup_requests(directory, directory.parent.name, warmup)


def verify(model: Exportable, directory: Path, options: Options) -> dict[str, Any]:
    """Compares the answers with Keras's in a fresh process.

    Returns:
        The largest absolute difference of any number.

    Raises:
        UserError: TF Serving does not know an op of the graph, or answers differ.
    """
    logger.info("checking it in a fresh process")
    check_ops(directory)
    checks = {signature: (task, _check_batches(task, texts)) for signature, (task, texts) in _served(model).items()}
    return {DIFFERENCE: check_signatures(checks, directory)}


def export_saved_model(
    task: TextTask,
    output: str | Path,
    *,
    texts: Sequence[Mapping[str, Any]],
    version: int | None = None,
) -> tuple[Path, float]:
    """Writes ``output/<version>/``, checks it in a fresh process and only then gives it its name.

    A server that polls ``output`` sees the whole version or nothing: it is written to a hidden directory beside it
    and renamed.

    Args:
        task: the trained model.
        output: ``exported/NAME``; NAME is the model's name in the warm-up requests.
        texts: real records (column to text) for the check and the warm-up.
        version: version number; default one more than the highest there is.

    Returns:
        The version directory, and the largest absolute difference between Keras's numbers and the SavedModel's.

    Raises:
        UserError: the version exists, the directory cannot be written, or a check failed: then nothing is published.
    """
    published = publish("saved_model", Exportable.of_task(task, texts), output, Options(version=version))
    return published.path, published.facts[DIFFERENCE]


def export_tasks(
    tasks: Mapping[str, tuple[TextTask, Sequence[Mapping[str, Any]]]],
    output: str | Path,
    *,
    version: int | None = None,
) -> tuple[Path, float]:
    """As :func:`export_saved_model`, of several tasks: each is a signature, ``serving_default`` is the first.

    Args:
        tasks: the trained models by name, each with real records; a backbone that they share is stored once.
        output: see :func:`export_saved_model`.
        version: see :func:`export_saved_model`.

    Returns:
        See :func:`export_saved_model`.

    Raises:
        UserError: see :func:`export_saved_model`.
    """
    examples = {name: texts for name, (_, texts) in tasks.items()}
    model = Exportable(lambda: {name: task for name, (task, _) in tasks.items()}, examples)
    published = publish("saved_model", model, output, Options(version=version))
    return published.path, published.facts[DIFFERENCE]


def _served(model: Exportable) -> dict[str, tuple[TextTask, Texts]]:
    """By signature, the task that answers it and real records."""
    members = {name: (task, model.examples.get(name, ())) for name, task in model.tasks.items()}
    return {"serving_default": next(iter(members.values())), **(members if model.is_several else {})}


def _signatures(model: Exportable) -> dict[str, Any]:
    if not model.is_several:
        return model.task.signatures()
    signatures = {name: task.signatures()["serving_default"] for name, task in model.tasks.items()}
    return {**signatures, "serving_default": next(iter(signatures.values()))}


def _labels(model: Exportable) -> dict[str, Iterable[str] | None]:
    """File name to labels."""
    return {f"labels_{name}" if name else "labels": task.label_names() for name, task in model.tasks.items()}


def next_version(output: Path) -> int:
    """One more than the highest version in ``output``."""
    versions = [int(path.name) for path in output.glob("*") if path.name.isdecimal()]
    return max(versions, default=0) + 1


def _write(
    tasks: Sequence[TextTask],
    signatures: Mapping[str, Any],
    labels: Mapping[str, Iterable[str] | None],
    directory: Path,
) -> None:
    module = tf.Module()
    # Tracked, so that weights and vocabulary tables are saved with the graph that uses them; a variable of several
    # tasks is saved once.
    module.task_variables = [variable.value for task in tasks for variable in task.variables]
    module.tokenizers = [tokenizer for task in tasks for tokenizer in task.tokenizers()]
    with tempfile.TemporaryDirectory() as assets:
        module.labels = []
        for name, values in labels.items():
            if values is not None:
                path = Path(assets) / f"{name}.txt"
                path.write_text("".join(f"{label}\n" for label in values), encoding="utf-8")
                module.labels.append(tf.saved_model.Asset(str(path)))
        tf.saved_model.save(module, str(directory), signatures=dict(signatures))


Column = list[str] | list[list[str]]


def _check_batches(task: TextTask, texts: Sequence[Mapping[str, Any]]) -> list[dict[str, Column]]:
    """Real texts as one batch, nasty ones as another, and each nasty one alone (its own padding)."""

    def batch(rows: Sequence[Mapping[str, Any]]) -> dict[str, Column]:
        made: dict[str, Column] = {}
        for name, spec in task.input_specs().items():
            values = [row[name] for row in rows]
            longest = max(map(len, values), default=0)
            made[name] = [v + [""] * (longest - len(v)) for v in values] if spec.shape.rank == 2 else values
        return made

    def nasty(number: int) -> dict[str, Any]:
        count = len(NASTY_TEXTS)
        row: dict[str, Any] = {}
        for place, (name, spec) in enumerate(task.input_specs().items()):
            text = NASTY_TEXTS[(number + place) % count]
            row[name] = text if spec.shape.rank == 1 else [text, NASTY_TEXTS[(number + 1) % count]]
        return row

    rows = [nasty(number) for number in range(len(NASTY_TEXTS))]
    return [*([batch(texts)] if texts else []), batch(rows), *(batch([row]) for row in rows)]
