"""The body of a REST prediction: JSON in row or column format, read as TF Serving reads it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from bert_tf.serving.server.json_tensors import NotFinite, is_base64, tensor_of
from bert_tf.serving.server.limits import Limits
from bert_tf.serving.server.request_error import invalid
from bert_tf.serving.server.servable import DEFAULT_SIGNATURE, Servable


@dataclass(frozen=True)
class JsonRequest:
    """A prediction that is asked for in JSON.

    Attributes:
        signature_name: which signature.
        inputs: arrays by input name.
        in_rows: whether the answer is wanted in row format.
    """

    signature_name: str
    inputs: dict[str, np.ndarray]
    in_rows: bool


def parse_request(body: bytes, servable: Servable, limits: Limits) -> JsonRequest:
    """Reads a body for a servable.

    Raises:
        RequestError: it is not JSON, or does not fit the signature.
    """
    content = _parse_json(body, limits)
    name = content.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid("JSON Value not formatted correctly. 'signature_name' key must be a string value.")
    name = name or DEFAULT_SIGNATURE
    signature = servable.signature_defs.get(name)
    if signature is None:
        raise invalid(f'Serving signature name: "{name[:200]}" not found in signature def')
    if not signature.inputs:
        raise invalid(f"Failed to get input map for signature: {name}")
    if "instances" in content and "inputs" in content:
        raise invalid("Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist")
    if "instances" in content:
        return JsonRequest(name, _from_rows(content["instances"], signature, limits), in_rows=True)
    if "inputs" in content:
        return JsonRequest(name, _from_columns(content["inputs"], signature), in_rows=False)
    raise invalid("Missing 'inputs' or 'instances' key")


def unpack(body: bytes, max_bytes: int) -> bytes:
    """A gzip body, unpacked.

    Raises:
        RequestError: it is not gzip.
        OverflowError: it is larger than ``max_bytes`` once unpacked.
    """
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise invalid(f"The body is not gzip, as its Content-Encoding says: {error}") from None
    if len(unpacked) > max_bytes:
        raise OverflowError
    if not unpacker.eof:
        raise invalid("The gzip body is cut off.")
    return unpacked


def _parse_json(body: bytes, limits: Limits) -> dict[str, Any]:
    # Every value but the first follows a comma, a colon or a bracket.
    if sum(map(body.count, (b",", b":", b"[", b"{"))) > limits.max_json_values:
        raise invalid(f"The request holds more than {limits.max_json_values} JSON values.")
    body = body.removeprefix(b"\xef\xbb\xbf")
    if not body.strip():
        raise invalid("JSON Parse error: The document is empty")
    try:
        text, is_utf8 = body.decode("utf-8"), True
    except UnicodeDecodeError:
        if b"\\ud" in body.lower():  # could not be told from the bytes that are no UTF-8
            raise invalid("JSON Parse error: Invalid encoding in string.") from None
        text, is_utf8 = body.decode("utf-8", "surrogateescape"), False
    try:
        content, _ = _DECODER.raw_decode(text.lstrip(" \t\r\n"))
        content = content if is_utf8 else _with_bytes(content)
    except json.JSONDecodeError as error:
        raise invalid(f"JSON Parse error: {error.msg} at offset: {error.pos}") from None
    except RecursionError:
        raise invalid("JSON Parse error: lists or objects are nested too deep") from None
    except ValueError as error:  # a number of thousands of digits
        raise invalid(f"JSON Parse error: {str(error)[:100]}") from None
    if not isinstance(content, dict):
        raise invalid("JSON Value: Is not object")
    return content


def _first_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose duplicate keys count once, the first of them."""
    found = dict(pairs)
    return found if len(found) == len(pairs) else dict(reversed(pairs))


def _with_bytes(value: Any) -> Any:
    """The same, with ``bytes`` for every string that is not UTF-8."""
    if isinstance(value, list):
        return [_with_bytes(item) for item in value]
    if isinstance(value, dict):
        return {key: _with_bytes(item) for key, item in value.items()}
    if isinstance(value, str):
        found = value.encode("utf-8", "surrogateescape")
        return value if found == value.encode("utf-8", "replace") else found
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_first_of_each, parse_constant=NotFinite)


def _from_rows(instances: Any, signature: meta_graph_pb2.SignatureDef, limits: Limits) -> dict[str, np.ndarray]:
    """Row format: a list of objects by input name, or of plain values where there is one input."""
    if not isinstance(instances, list):
        raise invalid("Excepting 'instances' to be an list/array")
    if not instances:
        raise invalid("No values in 'instances' array")
    if len(instances) > limits.max_rows:
        raise invalid(f"The request has {len(instances)} rows, but at most {limits.max_rows} are answered at a time.")
    named = _is_named(instances[0])
    if not named and len(signature.inputs) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            f"tensorinfo_map: {sorted(signature.inputs)}"
        )
    for number, row in enumerate(instances):
        if _is_named(row) != named:
            kinds = ("object", "list") if named else ("value/list", "object")
            raise invalid(f"Expecting {kinds[0]} but got {kinds[1]} at item {number} of input list")
        if named and row.keys() != signature.inputs.keys():
            raise invalid(
                f"Failed to process element: {number} of 'instances' list. JSON object: keys must be equal to: "
                f"{','.join(sorted(signature.inputs))}"
            )
    if not named:
        (name,) = signature.inputs
        return {name: _tensor(name, instances, signature)}
    return {name: _tensor(name, [row[name] for row in instances], signature) for name in sorted(signature.inputs)}


def _from_columns(inputs: Any, signature: meta_graph_pb2.SignatureDef) -> dict[str, np.ndarray]:
    """Column format: an object of whole tensors, or one tensor where there is one input."""
    if not _is_named(inputs):
        if len(signature.inputs) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                f"tensorinfo_map: {sorted(signature.inputs)}"
            )
        (name,) = signature.inputs
        return {name: _tensor(name, inputs, signature)}
    return {name: _named_tensor(name, inputs, signature) for name in sorted(signature.inputs)}


def _is_named(value: Any) -> bool:
    return isinstance(value, dict) and not is_base64(value)


def _named_tensor(name: str, inputs: Mapping[str, Any], signature: meta_graph_pb2.SignatureDef) -> np.ndarray:
    if name not in inputs:
        raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return _tensor(name, inputs[name], signature)


def _tensor(name: str, value: Any, signature: meta_graph_pb2.SignatureDef) -> np.ndarray:
    return tensor_of(name, value, tf.as_dtype(signature.inputs[name].dtype))
