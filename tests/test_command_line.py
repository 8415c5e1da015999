"""Flags made from a config's fields."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import Field

from bert_tf import train
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
    assert parse("--training.global_clipnorm", "none") == {"training": {"global_clipnorm": None}}
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


def run_train(*argv: str) -> tuple[str, str]:
    """What ``train`` prints before anything is read, and whether TensorFlow was imported for it."""
    code = (
        "import sys\nfrom bert_tf import command_line, train\n"
        "try:\n    train.main(sys.argv[1:])\nexcept BaseException as error:\n    print(type(error).__name__, error)\n"
        "print('tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, text=True, check=True)
    *text, imported = done.stdout.splitlines()
    return "\n".join(text), imported


@pytest.mark.parametrize(
    ("task", "flag", "default"),
    [(None, "--head.pooling", "[cls]"), ("tagging", "--head.decoder", "[softmax]"), ("fill", "--head.top_k", "[5]")],
)
def test_help_lists_the_options_of_the_chosen_task(task: str | None, flag: str, default: str) -> None:
    text, imported = run_train(*([] if task is None else ["--task", task]), "--help")
    assert imported == "False"
    assert f"{flag} " in text
    described = text[text.index(f"{flag} ") :].split("\n  --")[0]
    assert default in described
    assert "--head.KEY" not in text


def test_help_is_short_grouped_and_lists_the_tasks() -> None:
    text, _ = run_train("--help")
    assert text.startswith("usage: python -m bert_tf.train [flags]\n\n")
    for group in ("--data.*:", "--data.cleaning.*:", "--head.*:", "--training.*:"):
        assert f"\n{group}\n" in text
    assert all(name in text for name in ("question_answering", "multi_label", "translation"))


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--task", "tagging", "--head.decodr", "crf"], "--head.decodr crf. Did you mean --head.decoder?"),
        (["--task=tagging", "--head.decodr=crf"], "--head.decodr=crf. Did you mean --head.decoder?"),
        (["--head.decoder", "crf"], "--head.decoder crf; there are: --head.positive_label, --head.threshold"),
        (["--epochs", "3"], "--epochs 3. Did you mean --training.epochs?"),
        (["--task", "taging"], "--task taging: there is no such task"),
        (["--task", "fill", "--backbone", "x", "--output", "y"], "--task fill is not trained on labels"),
    ],
)
def test_unknown_options_of_a_task_are_refused_before_tensorflow(argv: list[str], message: str) -> None:
    text, imported = run_train(*argv)
    assert text.startswith("UserError ")
    assert message in text
    assert imported == "False"


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        (
            "task: tagging\nhead:\n  decodr: crf\n",
            "line 5: head.decodr: .* Did you mean --head.decoder?",
        ),
        (
            "training:\n  epoch: 3\n",
            "line 4: training.epoch: .* Did you mean --training.epochs?",
        ),
        (
            "tasks:\n  a: {head: {poling: cls}}\n  b: {}\n",
            "task a: --tasks.a.head.poling: .* Did you mean --tasks.a.head.pool",
        ),
        ("tasks:\n  a: {dta: {}}\n  b: {}\n", "line 4: tasks.a.dta: .* Did you mean --tasks.a.data?"),
    ],
)
def test_unknown_keys_of_a_config_name_the_nearest(tmp_path: Path, yaml: str, message: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"backbone: zh_mini\noutput: {tmp_path / 'run'}\n{yaml}")
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        train.main(["--config", str(path)])


@pytest.mark.parametrize(
    "command",
    ["train", "predict", "evaluate", "search", "zero_shot", "vocab", "pretrain", "prepare_corpus"],
)
def test_every_command_that_reads_data_takes_its_encoding(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        importlib.import_module(f"bert_tf.{command}").main(["--help"])
    assert "--data.encoding" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "hint"), [("gb18300", "did you mean gb18030"), ("nonsense", "such as auto, utf-8")])
def test_an_unknown_encoding_is_refused_before_anything(name: str, hint: str) -> None:
    with pytest.raises(UserError, match=f"--data.encoding: there is no encoding '{name}' .*{hint}"):
        train.main(["--backbone", "scratch:tiny", "--output", "x", "--data.train", "x", "--data.encoding", name])
