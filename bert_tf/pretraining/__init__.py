"""Pre-training: text to examples, masking policies, the pre-training model."""
