"""The positive one of two labels is named, and what needs two labels says so where there are others."""

from __future__ import annotations

from typing import Any

import pytest

from bert_tf.config import validate
from bert_tf.data.binary_labels import BinaryOptions, positive_label
from bert_tf.errors import UserError


@pytest.mark.parametrize(("given", "found"), [(None, "差评"), ("好评", "好评"), ("差评", "差评")])
def test_positive_label_is_the_last_or_the_one_given(given: str | None, found: str) -> None:
    assert positive_label(["好评", "差评"], given) == found


def test_three_labels_have_no_positive_one() -> None:
    assert positive_label(["a", "b", "c"]) is None


@pytest.mark.parametrize(
    ("labels", "given", "threshold", "message"),
    [
        (["a", "b"], "c", "none", '--head.positive_label c: there is no such label; there are: ["a", "b"].'),
        (["a", "b", "c"], "a", "none", "--head.positive_label a is for two labels; there are 3"),
        (["a", "b", "c"], None, "auto", "--head.threshold auto is for two labels; there are 3"),
        (["a", "b", "c"], None, 0.3, "--head.threshold 0.3 is for two labels; there are 3"),
    ],
)
def test_options_for_two_labels_say_what_is_wrong(
    labels: list[str], given: str | None, threshold: Any, message: str
) -> None:
    with pytest.raises(UserError) as caught:
        positive_label(labels, given, threshold)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("value", "read"), [("none", "none"), ("auto", "auto"), ("0.3", 0.3), (0.3, 0.3), ("1e-3", 0.001)]
)
def test_thresholds_are_read(value: Any, read: Any) -> None:
    assert validate(BinaryOptions, {"threshold": value}, flag_prefix="head.").threshold == read


@pytest.mark.parametrize("value", ["0", "1", "-0.1", 2, "nan", "inf", "half", "", None, [0.5], True])
def test_wrong_thresholds_are_told(value: Any) -> None:
    with pytest.raises(UserError) as caught:
        validate(BinaryOptions, {"threshold": value}, flag_prefix="head.")
    assert str(caught.value).startswith("--head.threshold: give none, auto or a probability between 0 and 1, not ")


def test_a_numeric_positive_label_is_the_text_of_the_number() -> None:
    assert validate(BinaryOptions, {"positive_label": 1}).positive_label == "1"
