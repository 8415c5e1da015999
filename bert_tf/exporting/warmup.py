"""Warm-up requests, which TF Serving plays before a version answers its first real one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from bert_tf.errors import UserError

WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"


def write_warmup_requests(
    saved_model: Path, model_name: str, batches: Sequence[tuple[str, Mapping[str, Sequence[Any]]]]
) -> None:
    """Writes one Predict request for each batch of strings.

    Args:
        saved_model: version directory.
        model_name: name under which the model is served.
        batches: the signature, and input name to strings.

    Raises:
        UserError: tensorflow-serving-api is not installed.
    """
    try:
        from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2
    except ImportError:
        raise UserError(
            'Exporting writes warm-up requests with tensorflow-serving-api: pip install "bert-tf[serving]".'
        ) from None
    path = saved_model / WARMUP_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, batch in batches:
            request = predict_pb2.PredictRequest(
                model_spec=model_pb2.ModelSpec(name=model_name, signature_name=signature),
                inputs={name: tf.make_tensor_proto(list(texts)) for name, texts in batch.items()},
            )
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            writer.write(log.SerializeToString())
