"""Flags made from a config's fields."""

from __future__ import annotations

import pytest
from pydantic import Field

from bert_tf.command_line import ArgumentParser, add_config_flags, config_values
from bert_tf.config import ExperimentConfig, Section, validate
from bert_tf.errors import UserError


def parse(*argv: str) -> dict[str, object]:
    parser = ArgumentParser(command="train", description="Train.", examples="  python -m bert_tf.train")
    add_config_flags(parser, ExperimentConfig, argv)
    return config_values(parser.parse_args(argv), ExperimentConfig)


def test_dotted_flags_are_nested_values() -> None:
    values = parse("--backbone", "a", "--training.epochs", "2", "--data.split", "0.8", "0.2", "--data.train", "a", "b")
    assert values == {
        "backbone": "a",
        "training": {"epochs": "2"},
        "data": {"split": ["0.8", "0.2"], "train": ["a", "b"]},
    }
    config = validate(ExperimentConfig, {**values, "output": "x"})
    assert config.data.split == [0.8, 0.2]


def test_free_mappings_take_any_name() -> None:
    values = parse("--data.columns.text", "评论", "--data.columns.label=星级", "--head.dropout", "0.2")
    assert values == {"data": {"columns": {"text": "评论", "label": "星级"}}, "head": {"dropout": "0.2"}}
    assert parse("--head.bounds", "-1", "1", "--backbone", "a") == {"backbone": "a", "head": {"bounds": ["-1", "1"]}}


def test_none_is_nothing_where_nothing_is_allowed() -> None:
    assert parse("--training.gradient_clip_norm", "none") == {"training": {"gradient_clip_norm": None}}
    assert parse("--training.mixed_precision", "none") == {"training": {"mixed_precision": "none"}}
    assert parse("--backbone", "none") == {"backbone": "none"}


@pytest.mark.parametrize("argv", [("--training.epoch", "1"), ("--train",), ("stray",), ("--training.epochs",)])
def test_mistakes_are_user_errors(argv: tuple[str, ...]) -> None:
    with pytest.raises(UserError, match="see python -m bert_tf.train --help"):
        parse(*argv)


def test_help_names_every_flag_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        parse("--help")
    assert done.value.code == 0
    text = capsys.readouterr().out
    for expected in ("--training.epochs N", "[3]", "--data.columns.KEY", "true|false", "[true]", "examples:"):
        assert expected in text


def test_help_shows_lists_as_they_are_typed_and_nothing_for_none(capsys: pytest.CaptureFixture[str]) -> None:
    class Settings(Section):
        empty: list[str] = Field(default_factory=list, description="a list")
        full: list[int] = Field(default_factory=lambda: [1, 2], description="numbers")

    parser = ArgumentParser(command="train", description="Train.", examples="")
    add_config_flags(parser, Settings, [])
    parser.print_help()
    text = capsys.readouterr().out
    assert "a list\n" in text
    assert "numbers [1 2]\n" in text
