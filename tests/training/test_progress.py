"""The line that closes an epoch: short, the metric that matters first, no counts."""

from __future__ import annotations

from bert_tf.training.progress import epoch_line


def test_the_metric_that_chooses_comes_first_and_counts_are_left_out() -> None:
    logs = {
        "loss": 0.31234,
        "seconds": 87.0,
        "val_accuracy": 0.9,
        "val_precision": 0.8,
        "val_recall": 0.7,
        "val_f1": 0.75,
        "val_weighted_f1": 0.7,
        "val_mcc": 0.5,
        "val_loss": 0.4,
        "val_examples": 1200,
        "val_support": 8,
    }
    line = epoch_line(logs, "f1")
    assert line == (
        "val_f1 0.7500  loss 0.3123  val_loss 0.4000  val_accuracy 0.9000  val_precision 0.8000  val_recall 0.7000"
    )


def test_a_training_without_validation_shows_its_loss() -> None:
    assert epoch_line({"loss": 0.5, "seconds": 1.0}, "accuracy") == "loss 0.5000"


def test_large_and_missing_numbers_stay_short() -> None:
    assert epoch_line({"loss": 8123.456, "val_mlm_loss": float("nan")}, "mlm_loss") == "val_mlm_loss nan  loss 8123.5"
