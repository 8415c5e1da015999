"""Plug-ins: found without being imported, named when they are not there, and no two of one name."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest

from bert_tf import plugins
from bert_tf.config import ExperimentConfig, TrainingConfig
from bert_tf.errors import UserError
from bert_tf.optimization import OPTIMIZERS
from bert_tf.plugins import Registry, declared_options
from bert_tf.training.plugin_options import PluginOptions
from tests.conftest import REPOSITORY


def test_options_are_read_without_tensorflow() -> None:
    script = (
        "import sys; from bert_tf.training.plugin_options import PluginOptions; from bert_tf.config import *; "
        "c = ExperimentConfig(output='x', hooks={'ema': {'decay': 0.5}}, optimizer={'beta_2': '0.9'}); "
        "o = PluginOptions.of(c, TrainingConfig()); "
        "assert o.hooks['ema'].decay == 0.5 and o.optimizer['beta_2'] == 0.9; "
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("values", "recipe", "message"),
    [
        ({"optimizer": {"beta2": 0.9}}, {}, "--optimizer.beta2: .*Did you mean --optimizer.beta_2?"),
        ({"optimizer": {"beta_2": 2}}, {}, "--optimizer.beta_2"),
        ({"hooks": {"ema": {"decay": "x"}}}, {}, "--hooks.ema.decay"),
        ({"hooks": {"eam": True}}, {}, "--hooks eam: there is no such hook; there are: ema. Did you mean ema?"),
        ({"hooks": {"ema": "0.9"}}, {}, "--hooks.ema 0.9: write true"),
        ({}, {"schedule": "cosin"}, "--training.schedule cosin: .* Did you mean cosine?"),
    ],
)
def test_mistakes_are_named(values: dict[str, object], recipe: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        PluginOptions.of(ExperimentConfig(backbone="scratch:tiny", output="x", **values), TrainingConfig(**recipe))


def test_two_plugins_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("adamw", "somewhere.adamw", "bert_tf.optimizers")
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point])
    registry = Registry("optimizer", "bert_tf.optimization.optimizers", "--training.optimizer")
    with pytest.raises(UserError, match="two plug-ins claim the optimizer 'adamw'"):
        registry.names()


def test_a_plugin_that_cannot_be_imported_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("lion8bit", "not_there.lion", "bert_tf.optimizers")
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point])
    registry = Registry("optimizer", "bert_tf.optimization.optimizers", "--training.optimizer")
    assert "lion8bit" in registry.names()
    with pytest.raises(UserError, match="--training.optimizer lion8bit: .* cannot be imported"):
        registry.module("lion8bit")


def test_a_module_without_options_has_none() -> None:
    assert declared_options("bert_tf.optimization.schedules.linear").model_fields == {}
    assert list(OPTIMIZERS) == OPTIMIZERS.names()
