"""What clients send that once ended the server, made it answer 500, or gave wrong data: each family over the wire."""

from __future__ import annotations

import base64
import gzip
import json
import socket
from collections.abc import Iterator

import grpc
import httpx
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from tests.serving.server.embedded import Target, post, start_embedded
from tests.serving.server.tiny_saved_model import DTYPES, write_echo


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    base = tmp_path_factory.mktemp("echo")
    write_echo(base)
    process, target = start_embedded(
        "--model_name=tiny", f"--model_base_path={base}", "--max_rows=20000", "--max_string_bytes=100000"
    )
    yield target
    assert process.poll() is None, "a request ended the server"
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="module")
def stub(echo: Target) -> Iterator[prediction_service_pb2_grpc.PredictionServiceStub]:
    with grpc.insecure_channel(echo.grpc_address) as channel:
        yield prediction_service_pb2_grpc.PredictionServiceStub(channel)


def nested(depth: int, value: str = '"a"') -> str:
    return "[" * depth + value + "]" * depth


def ask(target: Target, signature: str, values: object) -> httpx.Response:
    return post(target, {"signature_name": signature, "inputs": values})


def outputs(target: Target, signature: str, values: object) -> object:
    response = ask(target, signature, values)
    assert response.status_code == 200, response.text
    return response.json()["outputs"]


def predict_request(signature: str = "serving_default", **inputs: object) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "tiny", signature
    for name, value in inputs.items():
        request.inputs[name].CopyFrom(value)
    return request


def code_of(call: object, request: object) -> tuple[grpc.StatusCode, str]:
    try:
        call(request, timeout=20)
    except grpc.RpcError as error:
        return error.code(), error.details()
    return grpc.StatusCode.OK, ""


# Depth and shape of lists.


@pytest.mark.parametrize("depth", [3, 65, 200, 254, 255, 300, 900, 5_000, 100_000])
@pytest.mark.parametrize("signature", ["serving_default", "echo_string", "echo_float32"])
def test_nesting_depth_of_lists(echo: Target, depth: int, signature: str) -> None:
    value = "1" if signature == "echo_float32" else '"a"'
    for key in ("instances", "inputs"):
        response = post(echo, f'{{"signature_name": "{signature}", "{key}": {nested(depth, value)}}}')
        fits = depth == 3 and signature != "serving_default"
        assert response.status_code == (200 if fits else 400), response.text[:200]
    named = f'{{"signature_name": "{signature}", "instances": [{{"x": {nested(depth, value)}}}]}}'
    assert post(echo, named).status_code in (200, 400)


@pytest.mark.parametrize(
    "values",
    ["[[1, 2], [3]]", "[1, [2]]", "[[1], 2]", "[[], [1]]", "[[[1]], [1]]", "[1, null]", "[{}]", '[{"b64": 1}]', "[[]]"],
)
def test_ragged_mixed_and_empty_lists(echo: Target, values: str) -> None:
    for signature in ("echo_int32", "echo_float32", "pairs"):
        for key in ("instances", "inputs"):
            response = post(echo, f'{{"signature_name": "{signature}", "{key}": {values}}}')
            assert response.status_code == (200 if values == "[[]]" and signature != "pairs" else 400), response.text


# Numbers that do not fit.


@pytest.mark.parametrize("dtype", [dtype for dtype in DTYPES if dtype.is_integer], ids=lambda dtype: dtype.name)
def test_integers_keep_their_value_or_are_refused(echo: Target, dtype: tf.DType) -> None:
    name = f"echo_{dtype.name}"
    assert outputs(echo, name, [dtype.min, 0, dtype.max]) == [dtype.min, 0, dtype.max]
    for value in (dtype.min - 1, dtype.max + 1, 10**30, 1.0, 1.5, True, "1", None):
        response = ask(echo, name, [0, value])
        assert response.status_code == 400, (value, response.text)


@pytest.mark.parametrize("text", ["1e400", "-1e400", "1" + "0" * 400, "9" * 5000])
def test_numbers_too_large_for_a_double(echo: Target, text: str) -> None:
    for name in ("echo_float32", "echo_float64"):
        assert post(echo, f'{{"signature_name": "{name}", "inputs": [{text}]}}').status_code == 400


def test_floats(echo: Target) -> None:
    assert ask(echo, "echo_float32", [3.5e38]).status_code == 400
    assert ask(echo, "echo_float32", [2**24 + 1]).status_code == 400  # not without loss of precision
    assert ask(echo, "echo_float64", [2**53 + 1]).status_code == 400
    text = post(echo, '{"signature_name": "echo_float32", "inputs": [NaN, Infinity, -Infinity]}').text
    assert "[NaN, Infinity, -Infinity]" in text
    assert '"outputs": [0.2, 1.0, 16777215.0]' in ask(echo, "echo_float32", [0.2, 1, 2**24 - 1]).text


@pytest.mark.parametrize("name", ["float16", "bfloat16", "complex64"])
def test_dtypes_without_json(echo: Target, name: str) -> None:
    assert ask(echo, f"echo_{name}", [1]).status_code == 501


def test_output_dtypes_without_json(echo: Target) -> None:
    assert ask(echo, "complex_out", [1.0]).status_code == 400


# Texts.


def test_scalar_strings(echo: Target) -> None:
    assert outputs(echo, "scalar", "很好") == "很好"
    assert outputs(echo, "scalar", {"b64": base64.b64encode(b"\xff").decode()}) == {"b64": "/w=="}
    assert outputs(echo, "echo_string", "a") == "a"
    assert post(echo, {"signature_name": "scalar", "instances": ["a", "b"]}).status_code == 400


def test_base64_without_padding_or_with_blanks(echo: Target) -> None:
    for text in ("5b6I5aW9", " 5b6I\n5aW9 ", base64.b64encode("很好吗a".encode()).decode().rstrip("=")):
        assert ask(echo, "serving_default", [{"b64": text}]).status_code == 200
    assert ask(echo, "serving_default", [{"b64": "!"}]).status_code == 400


def test_bytes_that_are_no_text(echo: Target) -> None:
    response = post(echo, b'{"inputs": ["\xff\xfe", "\xed\xa0\x80", "ok"]}')
    assert response.json() == {"outputs": [{"b64": "//4="}, {"b64": "7aCA"}, "ok"]}
    assert post(echo, '{"inputs": ["\\ud800"]}').status_code == 400
    assert post(echo, '{"inputs": ["\\udcff"]}').status_code == 400
    assert post(echo, '{"inputs": ["\\ud83d\\ude00"]}').json() == {"outputs": ["😀"]}
    assert post(echo, '{"inputs": ["a"]}'.encode("utf-16")).status_code == 400
    assert post(echo, b'\xef\xbb\xbf{"inputs": ["a"]}').status_code == 200


# The object around them.


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("", 400),
        ("null", 400),
        ('"a"', 400),
        ('{"instances": ["a"]} trailing', 200),
        ('{"instances": ["a"], "instances": [1]}', 200),  # the first counts
        ('{"instances": [1], "instances": ["a"]}', 400),
        ('{"instances": ["a"], "inputs": ["a"]}', 400),
        ('{"signature_name": "", "instances": ["a"]}', 200),
        ('{"signature_name": 100, "instances": ["a"]}', 400),
        ('{"signature_name": null, "instances": ["a"]}', 400),
        ('{"signature_name": [], "instances": ["a"]}', 400),
        ('{"instances": {"x": "a"}}', 400),
        ('{"instances": [{"x": "a"}, {"y": "a"}]}', 400),
        ('{"instances": [{"x": "a"}, "a"]}', 400),
        ('{"instances": ["a", {"x": "a"}]}', 400),
        ('{"instances": [{"x": "a", "y": "a"}]}', 400),
        ('{"inputs": {"x": ["a"], "ignored": [1]}}', 200),
        ('{"inputs": {"ignored": [1]}}', 400),
        ('{"inputs": null}', 400),
        ('{"a\\u0000b": 1, "instances": ["a\\u0000b"]}', 200),
    ],
)
def test_the_object_around_the_values(echo: Target, body: str, status: int) -> None:
    response = post(echo, body)
    assert response.status_code == status, response.text
    assert status == 200 or response.json()["error"]


def test_gzip_bodies(echo: Target) -> None:
    def send(body: bytes) -> httpx.Response:
        url = f"{echo.rest_url}/v1/models/tiny:predict"
        return httpx.post(url, content=body, headers={"content-encoding": "gzip"}, timeout=30)

    packed = gzip.compress(b'{"instances": ["a"]}')
    assert send(packed).json() == {"predictions": ["a"]}
    assert send(packed[:-5]).status_code == 400
    assert send(b"nothing of the kind").status_code == 400
    assert send(gzip.compress(b" " * (65 * 2**20))).status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/models/tiny:predict", 400),
        ("POST", "/v1/models/tiny/metadata", 400),
        ("PUT", "/v1/models/tiny:predict", 400),
        ("DELETE", "/v1/models/tiny", 400),
        ("HEAD", "/v1/models/tiny", 400),
        ("POST", "/v1/models/tiny:explain", 400),
        ("POST", "/v1/models/tiny:classify", 501),
        ("POST", "/v1/models/tiny/versions/1:regress", 501),
        ("GET", "/v1/foo", 400),
        ("GET", "/v1/models", 400),
        ("GET", "/v1/models/tiny/", 400),
        ("GET", "/v1/models/tiny?x=1", 400),
        ("GET", "/V1/Models/tiny", 200),
        ("GET", "/v1/models/tiny/versions/01", 200),
        ("GET", "/v1/models/tiny/versions/9", 404),
        ("GET", "/v1/models/tiny/versions/18446744073709551615", 400),
        ("GET", f"/v1/models/tiny/versions/{'9' * 5000}", 400),
        ("GET", "/v1/models/tiny/versions/%D9%A3", 400),
        ("POST", "/v1/models/tiny/versions/18446744073709551615:predict", 400),
        ("POST", "/v1/models/nix/labels/stable:predict", 400),
        ("POST", "/v1/models/%ff%00:predict", 404),
        ("GET", "/elsewhere", 404),
    ],
)
def test_paths_and_methods(echo: Target, method: str, path: str, status: int) -> None:
    response = httpx.request(method, f"{echo.rest_url}{path}")
    assert response.status_code == status, response.text


def test_status_and_metadata_hold_their_defaults(echo: Target) -> None:
    entry = httpx.get(f"{echo.rest_url}/v1/models/tiny").json()["model_version_status"][0]
    assert entry == {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    metadata = httpx.get(f"{echo.rest_url}/v1/models/tiny/metadata").json()["metadata"]["signature_def"]
    shape = metadata["signature_def"]["pairs"]["inputs"]["x"]["tensor_shape"]
    assert shape == {"dim": [{"size": "-1", "name": ""}, {"size": "2", "name": ""}], "unknown_rank": False}
    assert metadata["signature_def"]["pairs"]["defaults"] == {}


def test_raw_garbage_over_http(echo: Target) -> None:
    host, port = echo.rest_url.removeprefix("http://").split(":")
    for garbage in (
        b"\0" * 100,
        b"GET\r\n\r\n",
        b"POST / HTTP/9.9\r\n\r\n",
        b"\xff" * 70_000,
        b"PRI * HTTP/2.0\r\n\r\n",
    ):
        with socket.create_connection((host, int(port)), 10) as connection:
            connection.sendall(garbage)
            assert connection.recv(100).startswith(b"HTTP/1.1 400")


# gRPC: tensors that contradict themselves.


def proto(dtype: int, sizes: list[int], **fields: object) -> TensorProto:
    made = TensorProto(dtype=dtype, **fields)
    for size in sizes:
        made.tensor_shape.dim.add(size=size)
    return made


WILD = {
    "unknown dimension": proto(7, [-1], string_val=[b"a"]),
    "negative dimension": proto(7, [-5], string_val=[b"a"]),
    "2^40 elements": proto(7, [2**40], string_val=[b"a"]),
    "overflowing": proto(7, [2**62, 2**62, 4], string_val=[b"a"]),
    "overflowing, but empty": proto(7, [0, 2**62, 2**62]),
    "rank 255": proto(7, [1] * 255, string_val=[b"a"]),
    "rank 100": proto(7, [1] * 100, string_val=[b"a"]),
    "unknown rank": TensorProto(dtype=7, tensor_shape={"unknown_rank": True}, string_val=[b"a"]),
    "too few": proto(7, [3], string_val=[b"a", b"b"]),
    "too many": proto(7, [1], string_val=[b"a", b"b"]),
    "none": proto(7, [2]),
    "other field": proto(7, [1], float_val=[1.0]),
    "strings as content": proto(7, [1], tensor_content=b"\1a"),
    "resource": proto(20, [1]),
    "variant": proto(21, [1]),
    "quantized": proto(11, [1], int_val=[1]),
    "no dtype": proto(0, [1], string_val=[b"a"]),
    "unheard-of dtype": proto(77, [1], string_val=[b"a"]),
    "reference": proto(107, [1], string_val=[b"a"]),
    "other dtype": proto(1, [1], float_val=[1.0]),
    "empty": TensorProto(),
}


@pytest.mark.parametrize("kind", WILD)
def test_tensors_that_contradict_themselves(stub: prediction_service_pb2_grpc.PredictionServiceStub, kind: str) -> None:
    for signature in ("serving_default", "echo_string"):
        code, details = code_of(stub.Predict, predict_request(signature, x=WILD[kind]))
        assert code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED), details
        assert details


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
def test_typed_fields_of_every_dtype(stub: prediction_service_pb2_grpc.PredictionServiceStub, dtype: tf.DType) -> None:
    values = np.array([[b"a\0", b""], [b"\xff", b"b"]], object)
    if dtype != tf.string:
        values = np.array([[0, 1], [1, 2]]).astype(dtype.as_numpy_dtype)
    answer = stub.Predict(predict_request(f"echo_{dtype.name}", x=tf.make_tensor_proto(values)), timeout=20).outputs[
        "y"
    ]
    assert not answer.tensor_content
    assert answer.dtype == dtype.as_datatype_enum
    np.testing.assert_array_equal(tf.make_ndarray(answer), values)
    # The answer, with its typed field, is understood as a request.
    again = stub.Predict(predict_request(f"echo_{dtype.name}", x=answer), timeout=20).outputs["y"]
    assert again == answer
    one = TensorProto()
    one.CopyFrom(answer)
    one.tensor_shape.dim[0].size = 0
    assert code_of(stub.Predict, predict_request(f"echo_{dtype.name}", x=one))[0] == grpc.StatusCode.INVALID_ARGUMENT


def test_typed_integers_keep_their_value_or_are_refused(
    stub: prediction_service_pb2_grpc.PredictionServiceStub,
) -> None:
    for name, dtype, value in (("int8", 6, 300), ("uint8", 4, -1), ("int16", 5, 70_000), ("uint16", 17, -1)):
        code, details = code_of(stub.Predict, predict_request(f"echo_{name}", x=proto(dtype, [1], int_val=[value])))
        assert code == grpc.StatusCode.INVALID_ARGUMENT, details


def test_one_value_fills_a_tensor(stub: prediction_service_pb2_grpc.PredictionServiceStub) -> None:
    answer = stub.Predict(predict_request("echo_float32", x=tf.make_tensor_proto(2.5, shape=[3])), timeout=20)
    assert list(answer.outputs["y"].float_val) == [2.5, 2.5, 2.5]


def test_grpc_requests_that_do_not_fit(echo: Target, stub: prediction_service_pb2_grpc.PredictionServiceStub) -> None:
    text = tf.make_tensor_proto(["a"])
    invalid = grpc.StatusCode.INVALID_ARGUMENT
    assert code_of(stub.Predict, predict_pb2.PredictRequest()) == (invalid, "ModelSpec has no name specified")
    code, details = code_of(stub.Predict, predict_request(y=text))
    assert code == invalid
    assert "input size does not match signature" in details
    assert "Missing but required: {x}" in details
    request = predict_request(x=text)
    request.output_filter.extend(["y", "y"])
    assert code_of(stub.Predict, request)[0] == invalid
    request.output_filter[:] = ["nix"]
    assert code_of(stub.Predict, request)[0] == invalid
    request = predict_request(x=text)
    request.model_spec.name, request.model_spec.version_label = "nix", "stable"
    assert code_of(stub.Predict, request)[0] == invalid
    details = code_of(stub.GetModelMetadata, get_model_metadata_pb2.GetModelMetadataRequest())[1]
    assert details == "GetModelMetadataRequest must specify at least one metadata_field"
    with grpc.insecure_channel(echo.grpc_address) as channel:
        raw = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        assert code_of(raw, b"\xff\xff\xff")[0] == invalid
        models = model_service_pb2_grpc.ModelServiceStub(channel)
        assert code_of(models.GetModelStatus, get_model_status_pb2.GetModelStatusRequest())[0] == invalid
        reload = model_management_pb2.ReloadConfigRequest()
        assert code_of(models.HandleReloadConfigRequest, reload)[0] == grpc.StatusCode.UNIMPLEMENTED
    for call, empty in (
        (stub.Classify, classification_pb2.ClassificationRequest()),
        (stub.Regress, regression_pb2.RegressionRequest()),
        (stub.MultiInference, inference_pb2.MultiInferenceRequest()),
    ):
        assert code_of(call, empty)[0] == grpc.StatusCode.UNIMPLEMENTED


# Work.


def test_a_large_request_is_cut_into_batches(
    echo: Target, stub: prediction_service_pb2_grpc.PredictionServiceStub
) -> None:
    """200 rows run as 64, 64, 64 and 8; what is padded is padded to the longest row of all."""
    texts = ["ab" if number == 150 else "" for number in range(200)]
    for answer in (
        outputs(echo, "batch_size", texts),
        {
            name: tf.make_ndarray(value)
            for name, value in stub.Predict(
                predict_request("batch_size", text=tf.make_tensor_proto(texts)), timeout=20
            ).outputs.items()
        },
    ):
        assert np.shape(answer["characters"]) == (200, 2)
        assert set(np.array(answer["rows"])) == {64, 8}
        assert [str(part if isinstance(part, str) else part.decode()) for part in answer["characters"][150]] == [
            "a",
            "b",
        ]


def test_rows_and_strings_have_a_limit(echo: Target, stub: prediction_service_pb2_grpc.PredictionServiceStub) -> None:
    assert post(echo, {"instances": [""] * 20_001}).status_code == 400
    assert post(echo, {"inputs": [""] * 20_001}).status_code == 400
    assert post(echo, {"inputs": ["x" * 100_001]}).status_code == 400
    assert len(outputs(echo, "serving_default", [""] * 20_000)) == 20_000
    for texts in ([""] * 20_001, ["x" * 100_001]):
        code, _ = code_of(stub.Predict, predict_request(x=tf.make_tensor_proto(texts)))
        assert code == grpc.StatusCode.INVALID_ARGUMENT


def test_many_json_values_are_counted_before_they_are_built(echo: Target) -> None:
    response = post(echo, '{"signature_name": "echo_float32", "inputs": [' + "[]," * 5_000_000 + "[]]}")
    assert response.status_code == 400
    assert "JSON values" in response.json()["error"]
    assert json.loads(post(echo, {"instances": ["a"]}).text) == {"predictions": ["a"]}
