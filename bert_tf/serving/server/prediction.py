"""A prediction from arrays to arrays, for both doors: checked, cut into batches, put together again."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from bert_tf.errors import first_line
from bert_tf.serving.server.limits import Limits
from bert_tf.serving.server.request_error import RequestError, exhausted, invalid
from bert_tf.serving.server.servable import Servable
from bert_tf.serving.server.tensor_protos import array_of
from bert_tf.serving.server.work_queue import Steps

_CODES = {code.value[0]: code for code in grpc.StatusCode}

Arrays = Mapping[str, np.ndarray]


def predict(
    servable: Servable, signature_name: str, inputs: Arrays, output_filter: Collection[str], limits: Limits
) -> Steps[dict[str, np.ndarray]]:
    """Answers one request; each step runs one batch.

    A request is cut where the signature says that inputs and outputs share a first dimension of any size. Where an
    output's other dimensions depend on the batch, the batches are padded with zeros or empty strings to the largest.

    Args:
        servable: the model.
        signature_name: one that it has.
        inputs: arrays by input name.
        output_filter: names of the outputs that are wanted; empty for all.
        limits: of rows, strings and batches.

    Raises:
        RequestError: a name, a dtype or a shape does not fit the signature, or a limit is passed.
    """
    signature = servable.signature_defs[signature_name]
    inputs = _complete(inputs, signature, limits)
    _check(inputs, signature)
    _check_filter(output_filter, signature)
    _check_sizes(inputs, limits)
    wanted = set(output_filter) or set(signature.outputs)
    pieces: list[dict[str, np.ndarray]] = []
    batches = list(_batches(inputs, signature, limits))
    for number, batch in enumerate(batches):
        if number:
            yield len(batches) - number
        outputs = {name: v for name, v in _run(servable, signature_name, batch).items() if name in wanted}
        pieces.append(outputs)
        if len(batches) > 1 and not all(_has_rows(value, batch) for value in outputs.values()):
            # The first dimension of this output is not the batch's, whatever the signature says.
            whole = _run(servable, signature_name, inputs)
            return {name: value for name, value in whole.items() if name in wanted}
    return pieces[0] if len(pieces) == 1 else {name: _join([piece[name] for piece in pieces]) for name in pieces[0]}


def _complete(inputs: Arrays, signature: meta_graph_pb2.SignatureDef, limits: Limits) -> Arrays:
    """The inputs with the signature's defaults for those that were left out."""
    defaults = {
        name: array_of(name, value, limits.max_request_bytes)
        for name, value in signature.defaults.items()
        if name not in inputs
    }
    return {**defaults, **inputs}


def _check(inputs: Arrays, signature: meta_graph_pb2.SignatureDef) -> None:
    sent, expected = set(inputs), set(signature.inputs)
    if sent != expected:
        lists = {
            key: ",".join(sorted(names))
            for key, names in (("sent", sent), ("expected", expected), ("extra", sent - expected))
        }
        raise invalid(
            f"input size does not match signature: {len(sent)}!={len(expected)} len({{{lists['sent']}}}) != "
            f"len({{{lists['expected']}}}). Sent extra: {{{lists['extra']}}}. "
            f"Missing but required: {{{','.join(sorted(expected - sent))}}}."
        )
    for name, array in inputs.items():
        spec = signature.inputs[name]
        dtype, shape = tf.as_dtype(spec.dtype), tf.TensorShape(spec.tensor_shape)
        found = tf.string if array.dtype == object else tf.as_dtype(array.dtype)
        if found != dtype:
            raise invalid(f"input {name}: expected {dtype.name}, got {found.name}")
        if not shape.is_compatible_with(array.shape):
            raise invalid(f"input {name}: expected shape {shape}, got {array.shape}")


def _check_filter(output_filter: Collection[str], signature: meta_graph_pb2.SignatureDef) -> None:
    seen: set[str] = set()
    for name in output_filter:
        if name not in signature.outputs:
            raise invalid(f"output tensor alias not found in signature: {name[:200]}")
        if name in seen:
            raise invalid(f"duplicate output tensor alias: {name}")
        seen.add(name)


def _check_sizes(inputs: Arrays, limits: Limits) -> None:
    for name, array in inputs.items():
        if array.ndim and len(array) > limits.max_rows:
            raise invalid(
                f"input {name}: the request has {len(array)} rows, but at most {limits.max_rows} are answered at a time"
            )
        if array.dtype == object:
            longest = max(map(len, array.flat), default=0)
            if longest > limits.max_string_bytes:
                raise invalid(
                    f"input {name}: a string of {longest} bytes is longer than the {limits.max_string_bytes} allowed"
                )


def _batches(inputs: Arrays, signature: meta_graph_pb2.SignatureDef, limits: Limits) -> Iterator[Arrays]:
    sizes = {len(array) if array.ndim else None for array in inputs.values()}
    infos = [*signature.inputs.values(), *signature.outputs.values()]
    any_size = all(len(info.tensor_shape.dim) and info.tensor_shape.dim[0].size == -1 for info in infos)
    rows = sizes.pop() if len(sizes) == 1 else None
    if not rows or not limits.max_batch_size or not any_size:
        yield inputs
        return
    start = 0
    # Bytes of the strings of all rows before each row.
    before = np.concatenate([[0], np.cumsum(_string_bytes(inputs, rows))])
    while start < rows:
        full = int(np.searchsorted(before, before[start] + limits.max_batch_bytes, side="right")) - 1
        end = min(max(full, start + 1), start + limits.max_batch_size, rows)
        yield {name: array[start:end] for name, array in inputs.items()}
        start = end


def _has_rows(output: np.ndarray, batch: Arrays) -> bool:
    return output.ndim > 0 and len(output) == len(next(iter(batch.values())))


def _string_bytes(inputs: Arrays, rows: int) -> np.ndarray:
    total = np.zeros(rows, np.int64)
    for array in inputs.values():
        if array.dtype == object:
            lengths = np.fromiter(map(len, array.flat), np.int64, array.size)
            total += lengths.reshape(rows, -1).sum(axis=1)
    return total


def _run(servable: Servable, signature_name: str, batch: Arrays) -> dict[str, np.ndarray]:
    try:
        return servable.run(signature_name, batch)
    except tf.errors.OpError as error:
        raise RequestError(_CODES.get(error.error_code, grpc.StatusCode.INTERNAL), first_line(error)) from None
    except MemoryError:
        raise exhausted("There is not enough memory for the request.") from None
    except (ValueError, TypeError) as error:
        raise invalid(first_line(error)) from None


def _join(parts: list[np.ndarray]) -> np.ndarray:
    if len({part.shape[1:] for part in parts}) > 1:
        largest = np.max([part.shape[1:] for part in parts], axis=0)
        parts = [_pad(part, largest) for part in parts]
    return np.concatenate(parts)


def _pad(part: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    padded = np.full((len(part), *sizes), b"" if part.dtype == object else 0, part.dtype)
    padded[tuple(slice(size) for size in part.shape)] = part
    return padded
