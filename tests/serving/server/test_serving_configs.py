"""``serving/``: the real server must be able to read what lies there.

``models.config`` is parsed by tensorflow-serving-api's own message. That package has no messages for the batching and
the monitoring file, so their fields are declared here as TF Serving 2.20 declares them (session_bundle_config.proto,
monitoring_config.proto).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2
from packaging.version import Version

from bert_tf.serving.server.model_config import read_model_config
from tests.conftest import REPOSITORY

SERVING = REPOSITORY / "serving"
FIELD = descriptor_pb2.FieldDescriptorProto


def message_class(name: str, fields: dict[str, tuple[int, str]]) -> Any:
    """A proto3 message; a type with a dot is another message's name."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package="serving_test", syntax="proto3")
    file.dependency.append("google/protobuf/wrappers.proto")
    message = file.message_type.add(name=name)
    for field, (number, kind) in fields.items():
        label = FIELD.LABEL_REPEATED if kind.startswith("repeated ") else FIELD.LABEL_OPTIONAL
        kind = kind.removeprefix("repeated ")
        entry = message.field.add(name=field, number=number, label=label)
        if "." in kind:
            entry.type, entry.type_name = FIELD.TYPE_MESSAGE, kind
        else:
            entry.type = {"bool": FIELD.TYPE_BOOL, "string": FIELD.TYPE_STRING}[kind]
    POOL.Add(file)
    return message_factory.GetMessageClass(POOL.FindMessageTypeByName(f"serving_test.{name}"))


POOL = descriptor_pool.DescriptorPool()
POOL.Add(descriptor_pb2.FileDescriptorProto.FromString(wrappers_pb2.DESCRIPTOR.serialized_pb))
INT64, STRING, BOOL = (f".google.protobuf.{kind}Value" for kind in ("Int64", "String", "Bool"))
BatchingParameters = message_class(
    "BatchingParameters",
    {
        "max_batch_size": (1, INT64),
        "batch_timeout_micros": (2, INT64),
        "max_enqueued_batches": (3, INT64),
        "num_batch_threads": (4, INT64),
        "thread_pool_name": (5, STRING),
        "allowed_batch_sizes": (6, f"repeated {INT64}"),
        "pad_variable_length_inputs": (7, "bool"),
        "enable_large_batch_splitting": (8, BOOL),
    },
)
PrometheusConfig = message_class("PrometheusConfig", {"enable": (1, "bool"), "path": (2, "string")})
MonitoringConfig = message_class("MonitoringConfig", {"prometheus_config": (1, ".serving_test.PrometheusConfig")})


def compose() -> dict[str, Any]:
    return yaml.safe_load((SERVING / "docker-compose.yaml").read_text(encoding="utf-8"))["services"]["serving"]


def test_models_config() -> None:
    models = read_model_config(SERVING / "models.config")
    assert {name: str(model.base_path) for name, model in models.items()} == {
        "demo_zh_reviews": "/models/demo_zh_reviews"
    }


def test_batching_config() -> None:
    found = text_format.Parse((SERVING / "batching.config").read_text(encoding="utf-8"), BatchingParameters())
    assert found.max_batch_size.value > 0
    assert found.num_batch_threads.value > 0
    assert not found.pad_variable_length_inputs  # serving#1279; strings need no padding


def test_monitoring_config() -> None:
    found = text_format.Parse((SERVING / "monitoring.config").read_text(encoding="utf-8"), MonitoringConfig())
    assert found.prometheus_config.enable
    assert found.prometheus_config.path.startswith("/")


def test_compose_pins_the_image_and_mounts_what_its_flags_name() -> None:
    service = compose()
    name, tag = service["image"].split(":")
    assert name == "tensorflow/serving"
    assert Version(tag) == Version("2.20.0")  # the first release that links the TF Text ops of an export
    mounts = {target: SERVING / source for source, target, _ in (volume.split(":") for volume in service["volumes"])}
    for flag in service["command"]:
        value = flag.partition("=")[2]
        if value.startswith("/config/"):
            assert (mounts["/config"] / Path(value).name).is_file()
    assert mounts["/models"].resolve() == REPOSITORY / "exported"
    assert "demo_zh_reviews" in " ".join(service["healthcheck"]["test"])
