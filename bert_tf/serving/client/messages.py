"""The messages of TF Serving's protocol that the client sends and reads, by their field numbers.

tensorflow-serving-api's modules import TensorFlow, which a client has no use for. These have equal bytes on the wire,
know fewer fields, and lie in a pool of their own, so that both can be imported into one process.

Reference: tensorflow/core/framework/tensor.proto, tensorflow_serving/apis/{model,predict,get_model_status}.proto.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_KINDS = {
    "int32": descriptor_pb2.FieldDescriptorProto.TYPE_INT32,  # enums, too: their bytes are those of an int32
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "uint32": descriptor_pb2.FieldDescriptorProto.TYPE_UINT32,
    "uint64": descriptor_pb2.FieldDescriptorProto.TYPE_UINT64,
    "float": descriptor_pb2.FieldDescriptorProto.TYPE_FLOAT,
    "double": descriptor_pb2.FieldDescriptorProto.TYPE_DOUBLE,
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "bytes": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
}

# Message to its fields: name, number, kind (another message, too); * marks what is repeated.
_MESSAGES = {
    "Dimension": (("size", 1, "int64"),),
    "TensorShape": (("dim", 2, "*Dimension"), ("unknown_rank", 3, "bool")),
    "Tensor": (
        ("dtype", 1, "int32"),
        ("tensor_shape", 2, "TensorShape"),
        ("tensor_content", 4, "bytes"),
        ("float_val", 5, "*float"),
        ("double_val", 6, "*double"),
        ("int_val", 7, "*int32"),
        ("string_val", 8, "*bytes"),
        ("scomplex_val", 9, "*float"),
        ("int64_val", 10, "*int64"),
        ("bool_val", 11, "*bool"),
        ("dcomplex_val", 12, "*double"),
        ("half_val", 13, "*int32"),
        ("uint32_val", 16, "*uint32"),
        ("uint64_val", 17, "*uint64"),
    ),
    "NamedTensor": (("key", 1, "string"), ("value", 2, "Tensor")),
    "Version": (("value", 1, "int64"),),
    "ModelSpec": (
        ("name", 1, "string"),
        ("version", 2, "Version"),
        ("signature_name", 3, "string"),
        ("version_label", 4, "string"),
    ),
    "PredictRequest": (("model_spec", 1, "ModelSpec"), ("inputs", 2, "*NamedTensor")),
    "PredictResponse": (("outputs", 1, "*NamedTensor"),),
    "GetModelStatusRequest": (("model_spec", 1, "ModelSpec"),),
    "ModelVersionStatus": (("version", 1, "int64"), ("state", 2, "int32")),
    "GetModelStatusResponse": (("model_version_status", 1, "*ModelVersionStatus"),),
}

STATES = {0: "UNKNOWN", 10: "START", 20: "LOADING", 30: "AVAILABLE", 40: "UNLOADING", 50: "END"}
"""Of a version, by its number."""


def _pool() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name="bert_tf/client.proto", package="bert_tf", syntax="proto3")
    for message, fields in _MESSAGES.items():
        added = file.message_type.add(name=message)
        for name, number, kind in fields:
            field = added.field.add(name=name, number=number, label=3 if kind.startswith("*") else 1)
            kind = kind.removeprefix("*")
            if kind in _KINDS:
                field.type = _KINDS[kind]
            else:
                field.type, field.type_name = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE, f".bert_tf.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


_POOL = _pool()


def message(name: str) -> Any:
    """The class of a message."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"bert_tf.{name}"))
