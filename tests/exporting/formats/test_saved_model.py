"""An export answers exactly what Keras answered, or it is not published."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session
from tensorflow_serving.apis import prediction_log_pb2

from bert_tf.errors import UserError
from bert_tf.exporting.formats import saved_model
from bert_tf.exporting.formats.saved_model import export_saved_model, next_version
from bert_tf.exporting.serving_ops import TEXT_OPS, ops_of, ops_unknown_to_serving
from bert_tf.runs.run_directory import RunDirectory
from tests.training.small_model import small_classifier


@pytest.fixture(scope="module")
def exported(trained_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    run = RunDirectory.open(trained_run)
    output = tmp_path_factory.mktemp("exported") / "toy"
    return export_saved_model(run.load_model(), output, texts=run.examples())


def test_equals_keras(exported: tuple[Path, float]) -> None:
    version, difference = exported
    assert version.name == "1"
    assert difference < 1e-5


def test_holds_labels_warmup_and_known_ops_only(exported: tuple[Path, float]) -> None:
    version, _ = exported
    assert (version / "assets" / "labels.txt").read_text() == "bad\ngood\n"
    records = tf.data.TFRecordDataset(str(version / "assets.extra" / "tf_serving_warmup_requests"))
    requests = [prediction_log_pb2.PredictionLog.FromString(r).predict_log.request for r in records.as_numpy_iterator()]
    assert [request.model_spec.name for request in requests] == ["toy", "toy"]
    assert tf.make_ndarray(requests[1].inputs["text"]).shape == (16,)
    assert ops_unknown_to_serving(version) == set()
    assert "FastWordpieceTokenizeWithOffsets" in ops_of(version)


def test_pairs_are_two_named_inputs(tmp_path: Path) -> None:
    task = small_classifier(pair=True)
    texts = [{"text": "good film", "text_pair": "bad film"}, {"text": "", "text_pair": "so so"}]
    version, difference = export_saved_model(task, tmp_path / "pairs", texts=texts)
    assert difference < 1e-5
    serve = tf.saved_model.load(str(version)).signatures["serving_default"]
    columns = {name: tf.constant([row[name] for row in texts]) for name in ("text", "text_pair")}
    expected = task.answer_texts(columns)
    np.testing.assert_allclose(serve(**columns)["probabilities"], expected["probabilities"], atol=1e-6)
    swapped = serve(text=columns["text_pair"], text_pair=columns["text"])
    assert np.abs(swapped["probabilities"] - expected["probabilities"]).max() > 1e-6


def test_versions_count_up_and_are_never_overwritten(exported: tuple[Path, float], trained_run: Path) -> None:
    version, _ = exported
    assert next_version(version.parent) == 2
    with pytest.raises(UserError, match="--version 1: .* exists already"):
        export_saved_model(RunDirectory.open(trained_run).load_model(), version.parent, texts=[], version=1)


def test_nothing_is_published_when_a_check_fails(
    trained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = RunDirectory.open(trained_run).load_model()
    written = saved_model._write

    def write_other_weights(*arguments: object) -> None:
        task.output_dense.kernel.assign(task.output_dense.kernel * 1.01)
        written(*arguments)
        task.output_dense.kernel.assign(task.output_dense.kernel / 1.01)

    monkeypatch.setattr(saved_model, "_write", write_other_weights)
    with pytest.raises(UserError, match="Not published"):
        export_saved_model(task, tmp_path / "toy", texts=[{"text": "lovely"}])
    assert not (tmp_path / "toy").exists()


def test_a_graph_that_calls_python_is_refused(tmp_path: Path) -> None:
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def __call__(self, text: tf.Tensor) -> tf.Tensor:
            return tf.numpy_function(lambda x: x, [text], tf.string)

    tf.saved_model.save(Module(), str(tmp_path))
    assert ops_unknown_to_serving(tmp_path) == {"PyFunc"}


def test_list_of_text_ops_is_the_installed_ones() -> None:
    listed = op_def_pb2.OpList.FromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    assert {op.name for op in listed.op} - set(dir(tf.raw_ops)) >= TEXT_OPS


def test_command_prints_the_version(trained_run: Path, tmp_path: Path, command: object) -> None:
    done: subprocess.CompletedProcess[str] = command("export", "--run", trained_run, "--output", tmp_path / "toy[1]")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "toy[1]" / "1"))
