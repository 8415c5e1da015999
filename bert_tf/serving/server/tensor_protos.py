"""TensorProto and NumPy: what a client sends is checked before anything is allocated for it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

from bert_tf.serving.server.request_error import exhausted, invalid

# NumPy's own limit. TensorFlow's is 254, and it ends the process beyond.
MAX_RANK = 64
_POINTER_BYTES = 8

# The field of each dtype that TF Serving fills in an answer.
_FIELDS = {
    tf.float32: "float_val",
    tf.float64: "double_val",
    tf.int32: "int_val",
    tf.int16: "int_val",
    tf.int8: "int_val",
    tf.uint8: "int_val",
    tf.uint16: "int_val",
    tf.int64: "int64_val",
    tf.uint32: "uint32_val",
    tf.uint64: "uint64_val",
    tf.bool: "bool_val",
    tf.float16: "half_val",
    tf.bfloat16: "half_val",
    tf.complex64: "scomplex_val",
    tf.complex128: "dcomplex_val",
    tf.string: "string_val",
}


def array_of(name: str, proto: tensor_pb2.TensorProto, max_bytes: int) -> np.ndarray:
    """A client's tensor as an array; strings are ``bytes`` in an object array.

    A tensor with one value of many elements is filled with it, as ``tf.make_tensor_proto(value, shape=…)`` writes it.

    Args:
        name: of the input, for messages.
        proto: what was sent.
        max_bytes: largest array.

    Raises:
        RequestError: dtype, shape and content do not fit together, or it would be too large.
    """
    dtype = _dtype(name, proto)
    shape = _shape(name, proto)
    count = math.prod(shape)
    # A dimension of 0 hides what the others multiply to.
    if math.prod(size or 1 for size in shape) * (dtype.size or _POINTER_BYTES) > max_bytes:
        raise exhausted(f"input {name}: a tensor of shape {list(shape)} is larger than {max_bytes} bytes")
    values = _content(name, proto, dtype) if proto.tensor_content else _values(name, proto, dtype)
    if len(values) == count:
        return values.reshape(shape)
    if len(values) == 1 and not proto.tensor_content:
        return np.full(shape, values[0], values.dtype)
    raise invalid(f"input {name}: shape {list(shape)} needs {count} values, but there are {len(values)}")


def proto_of(array: np.ndarray, *, as_content: bool = False) -> tensor_pb2.TensorProto:
    """An output as a tensor in the typed field of its dtype.

    Args:
        array: values; strings are ``bytes`` in an object array.
        as_content: numbers as ``tensor_content`` instead.
    """
    dtype = tf.string if array.dtype == object else tf.as_dtype(array.dtype)
    proto = tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum)
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if as_content and dtype != tf.string:
        proto.tensor_content = np.ascontiguousarray(array).tobytes()
        return proto
    flat = array.reshape(-1)
    if dtype in (tf.float16, tf.bfloat16):
        flat = flat.view(np.uint16)
    elif dtype.is_complex:
        flat = flat.view(flat.real.dtype)
    getattr(proto, _FIELDS[dtype]).extend(flat.tolist())
    return proto


def _dtype(name: str, proto: tensor_pb2.TensorProto) -> tf.DType:
    try:
        dtype = tf.as_dtype(proto.dtype)
    except TypeError:
        dtype = None
    if dtype not in _FIELDS:
        known = proto.dtype in types_pb2.DataType.values()
        raise invalid(
            f"input {name}: tensors of dtype {types_pb2.DataType.Name(proto.dtype) if known else proto.dtype} "
            "cannot be sent"
        )
    return dtype


def _shape(name: str, proto: tensor_pb2.TensorProto) -> tuple[int, ...]:
    shape = proto.tensor_shape
    sizes = tuple(dimension.size for dimension in shape.dim)
    if shape.unknown_rank or any(size < 0 for size in sizes):
        raise invalid(f"input {name}: the shape of a tensor must be known, not {list(sizes) or 'of unknown rank'}")
    if len(sizes) > MAX_RANK:
        raise invalid(f"input {name}: a tensor has at most {MAX_RANK} dimensions, not {len(sizes)}")
    return sizes


def _content(name: str, proto: tensor_pb2.TensorProto, dtype: tf.DType) -> np.ndarray:
    if dtype == tf.string:
        raise invalid(f"input {name}: strings are sent as string_val, not as tensor_content")
    if len(proto.tensor_content) % dtype.size:
        raise invalid(f"input {name}: {len(proto.tensor_content)} bytes of tensor_content are no {dtype.name} values")
    if dtype == tf.bool:
        return np.frombuffer(proto.tensor_content, np.uint8) != 0
    return np.frombuffer(proto.tensor_content, dtype.as_numpy_dtype)


def _values(name: str, proto: tensor_pb2.TensorProto, dtype: tf.DType) -> np.ndarray:
    values = getattr(proto, _FIELDS[dtype])
    if dtype == tf.string:
        return strings(values)
    if dtype in (tf.float16, tf.bfloat16):
        return _fitting(name, values, np.uint16, dtype).view(dtype.as_numpy_dtype)
    if dtype.is_complex:
        parts = np.array(values, dtype.real_dtype.as_numpy_dtype)
        if len(parts) % 2:
            raise invalid(f"input {name}: a complex number has two parts, but there are {len(parts)} values")
        return parts.view(dtype.as_numpy_dtype)
    if dtype.is_integer:
        return _fitting(name, values, dtype.as_numpy_dtype, dtype)
    return np.array(values, dtype.as_numpy_dtype)


def _fitting(name: str, values: Iterable[int], kind: Any, dtype: tf.DType) -> np.ndarray:
    try:
        return np.array(list(values), kind)
    except OverflowError:
        raise invalid(f"input {name}: a value does not fit into {dtype.name}") from None


def strings(values: Iterable[bytes]) -> np.ndarray:
    """Bytes as a one-dimensional object array."""
    found = list(values)
    array = np.empty(len(found), object)
    array[:] = found
    return array
