"""Specs that no source of weights takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from bert_tf.backbones.loading import load_backbone
from bert_tf.errors import UserError


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "this directory holds no checkpoint. It needs config.json"),
        (["vocab.txt", "model.safetensors"], "It holds model.safetensors, vocab.txt."),
        (["model/config.json", "config.yaml"], "this is a run directory; its model is "),
    ],
)
def test_directories_that_are_no_checkpoint(tmp_path: Path, files: list[str], message: str) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("{}")
    with pytest.raises(UserError) as caught:
        load_backbone(str(tmp_path))
    assert message in str(caught.value)
