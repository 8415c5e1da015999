"""The embedded model server: TF Serving's protocol on one machine, without Docker."""

from bert_tf.serving.server.model_server import ModelServer

__all__ = ["ModelServer"]
