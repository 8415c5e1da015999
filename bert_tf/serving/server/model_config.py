"""Which models a server serves, and TF Serving's ``models.config`` that says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from bert_tf.errors import UserError


@dataclass(frozen=True)
class ServedModel:
    """One model of a server.

    Attributes:
        base_path: directory that holds its version directories.
        newest: number of newest versions served; ``None``: all of them.
        versions: serve exactly these instead.
        labels: version label, such as ``stable``, to version.
    """

    base_path: Path
    newest: int | None = 1
    versions: tuple[int, ...] = ()
    labels: Mapping[str, int] = field(default_factory=dict)

    def wanted(self, on_disk: Sequence[int]) -> list[int]:
        """Of the versions on disk, in ascending order, those to serve."""
        if self.versions:
            return [version for version in on_disk if version in self.versions]
        return list(on_disk if self.newest is None else on_disk[-self.newest :])


def read_model_config(path: Path) -> dict[str, ServedModel]:
    """Every model of the file by its name. A relative ``base_path`` is relative to the current directory.

    Raises:
        UserError: the file cannot be read, is not a ModelServerConfig, or names a model twice.
    """
    try:
        config = text_format.Parse(path.read_text(encoding="utf-8"), model_server_config_pb2.ModelServerConfig())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--model_config_file {path}: cannot be read ({error}).") from None
    except text_format.ParseError as error:
        raise UserError(f"{path} line {error.GetLine()}: not a ModelServerConfig ({error}).") from None
    entries = config.model_config_list.config
    models = {entry.name: _served_model(entry) for entry in entries}
    if not models or len(models) != len(entries) or "" in models:
        raise UserError(f"{path}: it must name at least one model, and none twice.")
    return models


def _served_model(entry: model_server_config_pb2.ModelConfig) -> ServedModel:
    policy = entry.model_version_policy
    newest: int | None = 1
    match policy.WhichOneof("policy_choice"):
        case "all":
            newest = None
        case "latest":
            newest = policy.latest.num_versions or 1
    return ServedModel(
        Path(entry.base_path), newest, tuple(policy.specific.versions), dict(sorted(entry.version_labels.items()))
    )
