"""The clients: without TensorFlow, of every dtype, and with one text as well as many."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from bert_tf.serving.client import GrpcClient, RestClient
from bert_tf.serving.client.messages import message
from bert_tf.serving.client.tensors import to_array, to_tensor
from bert_tf.serving.server import ModelServer
from tests.serving.server.tiny_saved_model import write_echo, write_version

DTYPES = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", "c8", "c16"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    base = tmp_path_factory.mktemp("served")
    write_version(base / "tiny", 1)
    write_echo(base / "echo")
    with ModelServer({"tiny": base / "tiny", "echo": base / "echo"}, port=0, rest_api_port=0) as server:
        yield server


@pytest.fixture(params=["grpc", "rest"])
def client(request: pytest.FixtureRequest, server: ModelServer) -> Iterator[GrpcClient | RestClient]:
    made: Any = (
        GrpcClient(f"127.0.0.1:{server.port}")
        if request.param == "grpc"
        else RestClient(f"http://127.0.0.1:{server.rest_api_port}")
    )
    with made as client:
        yield client


def test_clients_import_no_tensorflow(server: ModelServer) -> None:
    code = (
        "import sys\nfrom bert_tf.serving.client import GrpcClient, RestClient\n"
        "rpc, rest = GrpcClient(sys.argv[1]), RestClient(sys.argv[2])\n"
        "for client in (rpc, rest):\n"
        "    print(client.status('tiny'), [a.label for a in client.classify('tiny', ['good', '坏'])])\n"
        "    print(*client.predict('echo', {'x': ['好', '']}).values())\n"
        "print(sorted({'tensorflow', 'tensorflow_serving', 'keras'} & set(sys.modules)))"
    )
    addresses = [f"127.0.0.1:{server.port}", f"http://127.0.0.1:{server.rest_api_port}"]
    done = subprocess.run([sys.executable, "-c", code, *addresses], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "{1: 'AVAILABLE'} ['positive', 'negative']",
        r"[b'\xe5\xa5\xbd' b'']",
        "{1: 'AVAILABLE'} ['positive', 'negative']",
        "['好', '']",
        "[]",
    ]


@pytest.mark.parametrize("dtype", [tf.dtypes.as_dtype(np.dtype(name).type) for name in DTYPES if name != "c16"])
def test_every_dtype_comes_back_over_grpc(server: ModelServer, dtype: tf.DType) -> None:
    values = np.array([[0, 1], [1, 0]], dtype.as_numpy_dtype)
    with GrpcClient(f"127.0.0.1:{server.port}") as rpc:
        answer = rpc.predict("echo", {"x": values}, signature_name=f"echo_{dtype.name}")["y"]
    assert answer.dtype == values.dtype
    np.testing.assert_array_equal(answer, values)


@pytest.mark.parametrize(
    "values",
    [
        *(np.array([[3, 1, 0]], name) for name in DTYPES),
        np.array(2.5),
        np.zeros((0, 3), np.float32),
        [1, 2],
        [[1.5], [2.5]],
        [True],
        2**40,
        [2**31 - 1, -(2**31)],
        [b"\x00\xff\x00", b""],
        [["a", ""], ["b", "c"]],
        np.array(["a", "bc"]),
        np.array([b"a\x00b", b""], object),
        [],
    ],
    ids=repr,
)
def test_tensors_have_the_bytes_and_types_of_tensorflow(values: Any) -> None:
    expected = tf.make_tensor_proto(values)
    ours = message("Tensor").FromString(expected.SerializeToString())
    theirs = type(expected).FromString(to_tensor(values).SerializeToString())
    for array in (to_array(ours), tf.make_ndarray(theirs)):
        np.testing.assert_array_equal(array, tf.make_ndarray(expected))
        assert array.dtype == tf.make_ndarray(expected).dtype
    assert theirs.dtype == expected.dtype


@pytest.mark.parametrize("name", ["f4", "f8", "i2", "i4", "i8", "u4", "u8", "?", "f2", "c8", "c16"])
def test_single_values_are_read_and_the_last_is_repeated(name: str) -> None:
    dtype = tf.dtypes.as_dtype(np.dtype(name).type)
    field = {
        "f4": "float_val", "f8": "double_val", "i8": "int64_val", "u4": "uint32_val", "u8": "uint64_val",
        "?": "bool_val", "f2": "half_val", "c8": "scomplex_val", "c16": "dcomplex_val",
    }.get(name, "int_val")  # fmt: skip
    single = [1, 0] if name in ("c8", "c16") else [15360] if name == "f2" else [1]
    proto = type(tf.make_tensor_proto(1))
    tensor = proto(dtype=dtype.as_datatype_enum, tensor_shape=tf.TensorShape([2, 2]).as_proto(), **{field: single})
    array = to_array(message("Tensor").FromString(tensor.SerializeToString()))
    np.testing.assert_array_equal(array, tf.make_ndarray(tensor))
    assert array.dtype == np.dtype(name)


def test_bfloat16_becomes_float32() -> None:
    tensor = tf.make_tensor_proto([1.5, -2.0], tf.bfloat16)
    array = to_array(message("Tensor").FromString(tensor.SerializeToString()))
    assert array.dtype == np.float32
    assert array.tolist() == [1.5, -2.0]


@pytest.mark.parametrize("values", [[["a"], ["b", "c"]], [{"a": 1}], ["a", 1], [None]], ids=repr)
def test_what_is_no_tensor_is_refused(values: Any) -> None:
    with pytest.raises(ValueError, match="hold"):
        to_tensor(values)


@pytest.mark.parametrize(("text", "label"), [("送货太慢了", "negative"), ("good", "positive"), ("", "negative")])
def test_one_text_has_one_answer(client: GrpcClient | RestClient, text: str, label: str) -> None:
    for texts in (text, [text], (text,)):
        answers = client.classify("tiny", texts)
        assert [answer.label for answer in answers] == [label]
    assert len(client.predict("tiny", {"text": text})["label"]) == 1


@pytest.mark.parametrize(("texts", "pairs"), [(["a", "b"], "cd"), ("ab", ["c", "d"]), (["a"], [])])
def test_pairs_that_do_not_match_are_refused(client: GrpcClient | RestClient, texts: Any, pairs: Any) -> None:
    with pytest.raises(ValueError, match="texts, but . text_pairs: give one for each"):
        client.classify("tiny", texts, pairs)


def test_arrays_are_columns(client: GrpcClient | RestClient) -> None:
    answer = client.predict("tiny", {"x": np.array([[1, 2]], np.float32), "n": 3}, signature_name="add")
    assert np.asarray(next(iter(answer.values()))).tolist() == [[4.0, 5.0]]
    labels = client.predict("tiny", {"text": np.array(["好", "b"])})["label"]
    assert [str(label) for label in labels] in (["positive", "negative"], ["b'positive'", "b'negative'"])
