"""Writes an export: into a hidden folder, verified there, and given its name only when it is complete."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from bert_tf.atomic_file import staged_folder, write_errors
from bert_tf.config import Section
from bert_tf.errors import UserError
from bert_tf.exporting.exportable import Exportable
from bert_tf.exporting.formats import FORMATS


class Published(NamedTuple):
    """An export.

    Attributes:
        path: its directory.
        facts: what the format says about it, such as the largest difference from Keras.
    """

    path: Path
    facts: dict[str, Any]

    def __str__(self) -> str:
        facts = ", ".join(
            f"{name}: {format(value, '.2g') if isinstance(value, float) else value}"
            for name, value in self.facts.items()
        )
        return f"{self.path}  ({facts})" if facts else str(self.path)


def publish(name: str, model: Exportable, output: str | Path, options: Section | None = None) -> Published:
    """Exports a model.

    Args:
        name: of the format, a file of ``bert_tf/exporting/formats``.
        model: what is exported.
        output: the directory to make.
        options: the format's; default its defaults.

    Raises:
        UserError: there is no such format, it does not support the model, ``output`` exists or cannot be written, or
            the export failed its verification. Then nothing is left.
    """
    module = FORMATS.module(name)
    options = options or FORMATS.options(name)()
    output = Path(output)
    if reason := unsupported(name, model):
        raise UserError(f"--format {name}: {reason}.")
    target = module.target(output, options) if hasattr(module, "target") else output
    with staged_folder(target) as staging:
        with write_errors(f"--output {output}"):
            facts = module.write(model, staging, options) or {}
        if hasattr(module, "verify"):
            facts |= module.verify(model, staging, options)
    return Published(target, facts)


def unsupported(name: str, model: Exportable) -> str | None:
    """Why a format does not support a model; ``None`` if it does.

    Args:
        name: of the format.
        model: what is to be exported.
    """
    module = FORMATS.module(name)
    if model.is_several and not getattr(module, "SEVERAL_TASKS", False):
        return f"it holds one task; export each: {', '.join(model.examples)}"
    if model.is_backbone:
        return None if getattr(module, "BACKBONES", False) else "it holds a task, not a backbone alone"
    if not hasattr(module, "supports"):
        return None
    return next((reason for task in model.tasks.values() if (reason := module.supports(task))), None)
