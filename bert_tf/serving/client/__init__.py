"""Clients of TF Serving's protocol, for this package's server and for the real one. They import no TensorFlow."""

from bert_tf.serving.client.answers import Classification, ServingError
from bert_tf.serving.client.grpc_client import GrpcClient
from bert_tf.serving.client.rest_client import RestClient

__all__ = ["Classification", "GrpcClient", "RestClient", "ServingError"]
