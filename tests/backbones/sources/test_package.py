"""``package://``: what it finds in installed packages, and what it says where it does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bert_tf.backbones.loading import load_backbone
from bert_tf.errors import UserError
from tests.backbones.sources.test_huggingface_directory import TINY


def test_directory_in_a_package_without_running_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "weights_of_a_package"
    shutil.copytree(TINY, package / "models" / "tiny")
    (package / "__init__.py").write_text("raise RuntimeError('the code ran')\n")
    monkeypatch.syspath_prepend(tmp_path)
    loaded = load_backbone("package://weights_of_a_package/models/tiny")
    assert loaded.backbone.num_layers == 2


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("package://no_such_package/model", "the Python package 'no_such_package' is not installed"),
        ("package://not a name/model", "the Python package 'not a name' is not installed"),
        ("package://", "the Python package '' is not installed"),
        ("package://json/model", "the package has no directory 'model'"),
        ("package://json", "this directory holds no checkpoint. It needs config.json"),
    ],
)
def test_wrong_names(spec: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        load_backbone(spec)
    assert message in str(caught.value)
