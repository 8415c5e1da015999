"""From logits to answers, with TensorFlow ops only: it runs inside the exported graph."""
