"""bert_tf: BERT from zero to production with TensorFlow and Keras 3."""

__version__ = "0.1.0"
