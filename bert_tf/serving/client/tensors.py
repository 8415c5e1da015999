"""NumPy arrays to tensors of the protocol and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bert_tf.serving.client.messages import message

_STRING, _BFLOAT16 = 7, 14
_NUMBERS = {  # tensorflow.DataType to NumPy's type and the field that holds single values
    1: ("<f4", "float_val"),
    2: ("<f8", "double_val"),
    3: ("<i4", "int_val"),
    4: ("<u1", "int_val"),
    5: ("<i2", "int_val"),
    6: ("<i1", "int_val"),
    8: ("<c8", "scomplex_val"),
    9: ("<i8", "int64_val"),
    10: ("?", "bool_val"),
    17: ("<u2", "int_val"),
    18: ("<c16", "dcomplex_val"),
    19: ("<f2", "half_val"),
    22: ("<u4", "uint32_val"),
    23: ("<u8", "uint64_val"),
}
_CODES = {np.dtype(name): code for code, (name, _) in _NUMBERS.items()}


def to_tensor(values: Any) -> Any:
    """A tensor of an array, a number, or nested lists of numbers or of texts; one text is a column of one row.

    As in TensorFlow, a list's integers become int32 where they fit and int64 else, its floats float32.

    Raises:
        ValueError: the values have no such type, or lists of different lengths.
    """
    array = _array([values] if isinstance(values, str | bytes) else values)
    tensor = message("Tensor")()
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    if array.dtype.kind in "OSU":
        tensor.dtype = _STRING
        tensor.string_val.extend(_bytes(value) for value in array.ravel().tolist())
        return tensor
    code = _CODES.get(array.dtype.newbyteorder("<"))
    if code is None:
        raise ValueError(f"a tensor cannot hold values of the type {array.dtype}")
    tensor.dtype = code
    tensor.tensor_content = array.astype(_NUMBERS[code][0]).tobytes()
    return tensor


def to_array(tensor: Any) -> np.ndarray:
    """The array of a tensor; texts are ``bytes`` in an array of objects, bfloat16 becomes float32.

    Raises:
        ValueError: NumPy has no such type.
    """
    shape = [dimension.size for dimension in tensor.tensor_shape.dim]
    if tensor.dtype == _STRING:
        array = np.empty(len(tensor.string_val), object)
        array[:] = list(tensor.string_val)
        return _filled(array, shape)
    if tensor.dtype == _BFLOAT16:
        bits = np.frombuffer(tensor.tensor_content, "<u2") if tensor.tensor_content else np.array(tensor.half_val, "u2")
        return _filled((bits.astype("<u4") << 16).view("<f4"), shape)
    if tensor.dtype not in _NUMBERS:
        raise ValueError(f"the output has the type number {tensor.dtype} of TensorFlow, which NumPy does not have")
    dtype, field = _NUMBERS[tensor.dtype]
    if tensor.tensor_content:
        return np.frombuffer(tensor.tensor_content, dtype).reshape(shape).copy()
    values = getattr(tensor, field)
    if field == "half_val":
        return _filled(np.array(values, "<u2").view(dtype), shape)
    if dtype in ("<c8", "<c16"):  # real and imaginary parts by turns
        return _filled(np.array(values, "<f4" if dtype == "<c8" else "<f8").view(dtype), shape)
    return _filled(np.array(values, dtype), shape)


def _array(values: Any) -> np.ndarray:
    if isinstance(values, np.ndarray | np.generic):
        return np.asarray(values)
    first = values
    while isinstance(first, Sequence) and not isinstance(first, str | bytes) and len(first):
        first = first[0]
    if isinstance(first, str | bytes):
        return np.array(values, object)
    array = np.asarray(values)
    if array.dtype.kind == "f":
        return array.astype(np.float32) if not isinstance(first, np.generic) else array
    if array.dtype == np.int64 and not isinstance(first, np.generic):
        limits = np.iinfo(np.int32)
        fits = array.size == 0 or (array.min() >= limits.min and array.max() <= limits.max)
        return array.astype(np.int32) if fits else array
    return array


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8")
    if isinstance(value, bytes):
        return value
    raise ValueError(f"a column of texts holds {value!r:.60}: give lists of equal length that hold texts only")


def _filled(array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Of fewer values than the shape has room for, the last is repeated, as the protocol has it."""
    missing = int(np.prod(shape)) - array.size
    if missing > 0:
        last = array[-1:] if array.size else np.zeros(1, array.dtype)
        array = np.concatenate([array, np.repeat(last, missing)])
    return array.reshape(shape)
