"""Reads TF Serving's ``models.config``."""

from __future__ import annotations

from pathlib import Path

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from bert_tf.errors import UserError


def read_model_config(path: Path) -> dict[str, Path]:
    """Model name to base path of every model in the file.

    Raises:
        UserError: the file cannot be read, is not a ModelServerConfig, or names a model twice.
    """
    try:
        config = text_format.Parse(path.read_text(encoding="utf-8"), model_server_config_pb2.ModelServerConfig())
    except OSError as error:
        raise UserError(f"--model_config_file {path}: cannot be read ({error.strerror}).") from None
    except text_format.ParseError as error:
        raise UserError(f"{path} line {error.GetLine()}: not a ModelServerConfig ({error}).") from None
    models = {model.name: Path(model.base_path) for model in config.model_config_list.config}
    if not models or len(models) != len(config.model_config_list.config):
        raise UserError(f"{path}: it must name at least one model, and none twice.")
    return models
