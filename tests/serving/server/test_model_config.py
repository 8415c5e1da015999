"""Which versions of which models: TF Serving's models.config, as far as the embedded server honours it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bert_tf.errors import UserError
from bert_tf.serving.server.model_config import ServedModel, read_model_config


def config(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "models.config"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        ("", [7]),
        ("model_version_policy { latest { num_versions: 2 } }", [3, 7]),
        ("model_version_policy { all {} }", [1, 3, 7]),
        ("model_version_policy { specific { versions: 1 versions: 3 versions: 9 } }", [1, 3]),
    ],
)
def test_version_policies(tmp_path: Path, policy: str, wanted: list[int]) -> None:
    path = config(tmp_path, f'model_config_list {{ config {{ name: "a" base_path: "/models/a" {policy} }} }}')
    (model,) = read_model_config(path).values()
    assert model.base_path == Path("/models/a")
    assert model.wanted([1, 3, 7]) == wanted


def test_labels_and_several_models(tmp_path: Path) -> None:
    text = """model_config_list {
      config { name: "a" base_path: "x/a" version_labels { key: "stable" value: 3 } }
      config { name: "b" base_path: "x/b" }
    }"""
    found = read_model_config(config(tmp_path, text))
    assert found == {"a": ServedModel(Path("x/a"), labels={"stable": 3}), "b": ServedModel(Path("x/b"))}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it must name at least one model"),
        ('model_config_list { config { base_path: "a" } }', "it must name at least one model"),
        (
            'model_config_list { config { name: "a" } config { name: "a" } }',
            "it must name at least one model, and none",
        ),
        ('model_config_list {\n config { nome: "a" } }', "models.config line 2: not a ModelServerConfig"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        read_model_config(config(tmp_path, text))
    assert message in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--model_config_file .*nix: cannot be read"):
        read_model_config(tmp_path / "nix")
