"""Plug-ins: found without being imported, named when they are not there, and no two of one name."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from bert_tf import plugins
from bert_tf.config import ExperimentConfig, TrainingConfig
from bert_tf.data.sources import open_records
from bert_tf.declarations import declared
from bert_tf.errors import UserError
from bert_tf.optimization import OPTIMIZERS, SCHEDULES
from bert_tf.plugins import Registry
from bert_tf.training.plugin_options import PluginOptions
from tests.conftest import REPOSITORY


def test_options_are_read_without_tensorflow() -> None:
    script = (
        "import sys; from bert_tf.training.plugin_options import PluginOptions; from bert_tf.config import *; "
        "c = ExperimentConfig(backbone='x', output='x', hooks={'ema': {'decay': 0.5}}, optimizer={'beta_2': '0.9'}); "
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


def registry_with(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> Registry:
    """The optimisers, with those of packages that are not installed."""
    monkeypatch.setattr(plugins, "installed", lambda group: EntryPoints(points).select(group=group))
    return Registry("optimizer", "bert_tf.optimization.optimizers", "--training.optimizer")


def test_two_plugins_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = registry_with(monkeypatch, EntryPoint("adamw", "somewhere.adamw", "bert_tf.optimizers"))
    with pytest.raises(UserError, match="'adamw': those of the packages bert_tf and somewhere"):
        registry.names()
    points = [EntryPoint("lion8bit", f"{package}.lion", "bert_tf.optimizers") for package in ("here", "there")]
    with pytest.raises(UserError, match="'lion8bit': those of the packages here and there"):
        registry_with(monkeypatch, *points).names()


def test_a_plugin_that_cannot_be_imported_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = registry_with(monkeypatch, EntryPoint("lion8bit", "not_there.lion", "bert_tf.optimizers"))
    assert "lion8bit" in registry.names()
    for ask in (registry.module, registry.options):
        with pytest.raises(UserError, match="--training.optimizer lion8bit: .* not_there cannot be imported"):
            ask("lion8bit")


def test_two_plugins_that_claim_one_spec_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "other_tables.py").write_text("SUFFIXES = ('.csv',)\n")
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("tables", "other_tables", "bert_tf.sources")
    monkeypatch.setattr(plugins, "installed", lambda group: EntryPoints([point]).select(group=group))
    with pytest.raises(UserError, match=r"claim '.csv': data sources delimited \(of the package bert_tf\) and tables"):
        open_records("rows.csv")


def test_two_origins_that_accept_one_spec_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from bert_tf.backbones.loading import load_backbone

    (tmp_path / "other_origin.py").write_text("def accepts(spec):\n    return spec.startswith('scratch:')\n")
    monkeypatch.syspath_prepend(tmp_path)
    point = EntryPoint("other", "other_origin", "bert_tf.backbone_sources")
    monkeypatch.setattr(plugins, "installed", lambda group: EntryPoints([point]).select(group=group))
    with pytest.raises(UserError, match="claim 'scratch:tiny': .*other .*other_origin.* and scratch .*bert_tf"):
        load_backbone("scratch:tiny")


def test_only_what_a_value_needs_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "heavy_plugin.py").write_text(
        "from __future__ import annotations\n"
        "from typing import Literal\n"
        "import not_installed\n"
        "from bert_tf.config import Section\n"
        "Kind = Literal['a', 'b']\n"
        "class Inner(Section):\n    kind: Kind = 'a'\n"
        "class Options(Section):\n    inner: Inner = Inner()\n"
        "class Model(not_installed.Model):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    options = declared("heavy_plugin", "Options")
    assert options(inner={"kind": "b"}).inner.kind == "b"
    assert declared("heavy_plugin", "Options") is options
    assert declared("heavy_plugin", "NAMES", ()) == ()
    with pytest.raises(ImportError, match="not_installed"):
        declared("heavy_plugin", "Model")


def test_a_module_without_options_has_none() -> None:
    assert SCHEDULES.options("linear").model_fields == {}
    assert list(OPTIMIZERS) == OPTIMIZERS.names()
