"""``export --format preset``: half the space, the same answers to three digits, read by KerasHub alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import keras_hub
import numpy as np
import pytest

from bert_tf import export
from bert_tf.config import Section
from bert_tf.errors import UserError
from bert_tf.exporting.exportable import Exportable
from bert_tf.exporting.formats import FORMATS
from bert_tf.exporting.publish import Published, publish
from bert_tf.tasks.classification import TextClassifier


def export_preset(model: Path, output: Path, dtype: str = "float32") -> Published:
    options: Section = FORMATS.validated("preset", {"dtype": dtype}, "")
    return publish("preset", Exportable(preset=model), output, options)


TEXTS = ["这本书很好", "an awful film"]


def test_half_precision_gives_nearly_the_same_answers(
    trained_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "half"
    export.main(["--run", str(trained_run), "--format", "preset", "--dtype", "float16", "--output", str(output)])
    assert capsys.readouterr().out.strip() == str(output)
    sizes = [(folder / "model.weights.h5").stat().st_size for folder in (trained_run / "model", output)]
    assert sizes[1] < 0.6 * sizes[0]
    whole, half = (TextClassifier.from_preset(str(folder)) for folder in (trained_run / "model", output))
    assert {str(weight.dtype) for weight in half.weights if "seed" not in weight.path} == {"float32"}
    np.testing.assert_allclose(half.predict(TEXTS, verbose=0), whole.predict(TEXTS, verbose=0), atol=2e-2)
    backbone = keras_hub.models.Backbone.from_preset(str(output))
    np.testing.assert_array_equal(backbone.get_weights()[0], half.backbone.get_weights()[0])


def test_float32_is_a_copy(trained_run: Path, tmp_path: Path) -> None:
    copy = TextClassifier.from_preset(str(export_preset(trained_run / "model", tmp_path / "copy").path))
    whole = TextClassifier.from_preset(str(trained_run / "model"))
    for a, b in zip(copy.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_mistakes_are_named(trained_run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="it exists already"):
        export_preset(trained_run / "model", tmp_path)
    model = tmp_path / "model"
    shutil.copytree(trained_run / "model", model)
    (model / "checksums.json").unlink()
    with h5py.File(model / "task.weights.h5", "r+") as file:
        names: list[str] = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        file[names[0]][...] = 1e6
    with pytest.raises(UserError, match="a weight is too large for float16"):
        export_preset(model, tmp_path / "half", "float16")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]
    with pytest.raises(UserError, match="--dtype goes with --format preset"):
        export.main(["--run", str(trained_run), "--dtype", "float16", "--output", str(tmp_path / "x")])
