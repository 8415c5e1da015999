"""JSON values and tensors, both ways, as TF Serving converts them. Nothing here calls a TensorFlow op."""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import math
from collections.abc import Mapping
from typing import Any

import grpc
import numpy as np
import tensorflow as tf

from bert_tf.serving.server.request_error import RequestError, invalid
from bert_tf.serving.server.tensor_protos import MAX_RANK, strings

_INTEGERS = (tf.int8, tf.int16, tf.int32, tf.int64, tf.uint8, tf.uint16, tf.uint32, tf.uint64)
# Names of dtypes in TF Serving's messages, where they differ from NumPy's.
_NAMES = {"float32": "float", "float64": "double"}
_JSON_TYPES = {type(None): "Null", bool: "Boolean", dict: "Object", list: "Array", str: "String", bytes: "String"}
# Converting floats to their shortest digits holds the interpreter: so many at a time.
_FLOATS_AT_A_TIME = 2**16


class NotFinite(float):
    """``NaN`` or ``Infinity`` that was written so, unlike 1e400, which is a number too large."""


def tensor_of(name: str, value: Any, dtype: tf.DType) -> np.ndarray:
    """A JSON value as an array.

    Args:
        name: of the input, for messages.
        value: parsed JSON: nested lists of equal lengths, or one value.
        dtype: of the input.

    Raises:
        RequestError: lists are ragged, mixed or nested too deep, or a value does not fit the dtype.
    """
    shape, leaves = _flatten(name, value)
    return _convert(name, leaves, dtype).reshape(shape)


def _flatten(name: str, value: Any) -> tuple[list[int], list[Any]]:
    shape: list[int] = []
    level = [value]
    while level and type(level[0]) is list:
        if len(shape) == MAX_RANK:
            raise invalid(f"input {name}: lists are nested more than {MAX_RANK} deep")
        size = len(level[0])
        for number, item in enumerate(level):
            if type(item) is not list:
                raise invalid(
                    f"input {name}: JSON Value: {_shown(item)} found at incorrect level: {len(shape)} in the JSON DOM"
                )
            if len(item) != size:
                raise invalid(
                    f"input {name}: Encountered list at unexpected size: {len(item)} at level: {len(shape)} "
                    f"expected size: {size} (list {number})"
                )
        shape.append(size)
        level = list(itertools.chain.from_iterable(level))
    if list in set(map(type, level)):
        raise invalid(f"input {name}: Encountered list at unexpected level: {len(shape)} expected < {len(shape)}")
    return shape, level


def _convert(name: str, leaves: list[Any], dtype: tf.DType) -> np.ndarray:
    if dtype == tf.string:
        return _text(name, leaves)
    if dtype == tf.bool:
        _check_types(name, leaves, dtype, {bool})
        return np.array(leaves, bool)
    if dtype in (tf.float32, tf.float64):
        _check_types(name, leaves, dtype, {int, float, NotFinite})
        return _floats(name, leaves, dtype)
    if dtype in _INTEGERS:
        _check_types(name, leaves, dtype, {int})
        if leaves and (min(leaves) < dtype.min or max(leaves) > dtype.max):
            raise _wrong_type(name, next(v for v in leaves if not dtype.min <= v <= dtype.max), dtype)
        return np.array(leaves, dtype.as_numpy_dtype)
    shown = _shown(leaves[0]) if leaves else "[]"
    raise RequestError(
        grpc.StatusCode.UNIMPLEMENTED, f"input {name}: Conversion of JSON Value: {shown} to type: {dtype.name}"
    )


def _text(name: str, leaves: list[Any]) -> np.ndarray:
    encoded = []
    for leaf in leaves:
        if type(leaf) is str:
            encoded.append(_utf8(name, leaf))
        elif type(leaf) is bytes:  # not UTF-8, see json_requests
            encoded.append(leaf)
        elif is_base64(leaf):
            encoded.append(_from_base64(name, leaf["b64"]))
        elif type(leaf) is dict:
            raise invalid(f"input {name}: JSON Value: {_shown(leaf)} not formatted correctly for base64 data")
        else:
            raise _wrong_type(name, leaf, tf.string)
    return strings(encoded)


def _utf8(name: str, text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise invalid(f"input {name}: JSON Parse error: half a surrogate pair in {_shown(text)}") from None


def is_base64(value: Any) -> bool:
    """Whether a JSON value stands for bytes: ``{"b64": "…"}``."""
    return type(value) is dict and value.keys() == {"b64"} and type(value["b64"]) is str


def _from_base64(name: str, text: str) -> bytes:
    packed = "".join(text.split()).rstrip("=")
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise invalid(f"input {name}: Unable to base64 decode {_shown(text)}") from None


def _floats(name: str, leaves: list[Any], dtype: tf.DType) -> np.ndarray:
    kind = dtype.as_numpy_dtype
    largest_integer = 2 ** (np.finfo(kind).nmant + 1) - 1
    for leaf in leaves:
        if type(leaf) is int and abs(leaf) > largest_integer:
            raise _lossy(name, leaf, dtype)
    values = np.array(leaves, np.float64)
    outside = (np.abs(values) > np.finfo(kind).max) & ~np.isnan(values)
    for position in np.flatnonzero(outside):
        if type(leaves[position]) is not NotFinite:
            raise _lossy(name, leaves[position], dtype)
    return values.astype(kind)


def _check_types(name: str, leaves: list[Any], dtype: tf.DType, allowed: set[type]) -> None:
    if set(map(type, leaves)) - allowed:
        raise _wrong_type(name, next(leaf for leaf in leaves if type(leaf) not in allowed), dtype)


def _wrong_type(name: str, value: Any, dtype: tf.DType) -> RequestError:
    kind = _JSON_TYPES.get(type(value), "Number")
    return invalid(
        f"input {name}: JSON Value: {_shown(value)} Type: {kind} is not of expected type: "
        f"{_NAMES.get(dtype.name, dtype.name)}"
    )


def _lossy(name: str, value: Any, dtype: tf.DType) -> RequestError:
    if isinstance(value, float) and math.isinf(value):
        return invalid(f"input {name}: JSON Parse error: Number too big to be stored in double.")
    return invalid(
        f"input {name}: Cannot convert JSON value: {_shown(value)} to {_NAMES[dtype.name]} without loss of precision."
    )


def _shown(value: Any) -> str:
    """The start of a value, for a message; nothing of it that is deep or long is written out."""
    if isinstance(value, list | dict):
        return "[…]" if isinstance(value, list) else "{…}"
    if isinstance(value, bytes):
        return "a string that is not UTF-8"
    if isinstance(value, int) and abs(value) > 10**100:
        return "a number of more than 100 digits"
    return json.dumps(value[:100] if isinstance(value, str) else value)


def json_of(name: str, array: np.ndarray) -> Any:
    """An output as JSON: bytes are text, or base64 where they are not UTF-8 or the output is called ``…_bytes``.

    Raises:
        RequestError: JSON has no such values.
    """
    if array.dtype == object:
        return _nested_text(array.tolist(), as_bytes=name.endswith("_bytes"))
    if array.dtype == np.float32:
        return _shortest(array).tolist()
    if array.dtype == np.float64 or array.dtype.kind in "iub":
        return array.tolist()
    kind = tf.as_dtype(array.dtype).name
    raise invalid(f"Failed to write JSON value for tensor type: {kind} (output {name})")


def _shortest(array: np.ndarray) -> np.ndarray:
    """float32 as the doubles that have as few digits: 0.2 instead of 0.20000000298023224."""
    flat = array.reshape(-1)
    pieces = [
        flat[start : start + _FLOATS_AT_A_TIME].astype(str).astype(np.float64)
        for start in range(0, len(flat), _FLOATS_AT_A_TIME)
    ]
    return np.concatenate([np.empty(0), *pieces]).reshape(array.shape)


def _nested_text(item: Any, *, as_bytes: bool) -> Any:
    if isinstance(item, list):
        return [_nested_text(part, as_bytes=as_bytes) for part in item]
    if not as_bytes:
        try:
            return item.decode("utf-8")
        except UnicodeDecodeError:
            pass
    return {"b64": base64.b64encode(item).decode("ascii")}


def rows_of(outputs: Mapping[str, np.ndarray]) -> list[Any]:
    """Outputs in row format: one value a row, or one object where there are several outputs.

    Raises:
        RequestError: the outputs have no common first dimension.
    """
    if any(not value.ndim for value in outputs.values()) or len({len(value) for value in outputs.values()}) != 1:
        raise invalid("The outputs have no common batch dimension: use the column format ('inputs').")
    columns = {name: json_of(name, value) for name, value in outputs.items()}
    if len(columns) == 1:
        return next(iter(columns.values()))
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def columns_of(outputs: Mapping[str, np.ndarray]) -> Any:
    """Outputs in column format: whole tensors by name, or the one tensor."""
    columns = {name: json_of(name, value) for name, value in outputs.items()}
    return next(iter(columns.values())) if len(columns) == 1 else columns
