"""The options of plug-ins on the command line: all shown by ``--help``, and checked before anything costs time."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from bert_tf import pretrain, train
from bert_tf.config import ExperimentConfig
from bert_tf.errors import UserError
from bert_tf.optimization import OPTIMIZERS, SCHEDULES
from bert_tf.tasks import TASKS, find_schema
from bert_tf.training.hooks import HOOKS
from tests.conftest import REPOSITORY

MISTAKES = {
    "--head.drop 0.1": "Did you mean --head.dropout?",
    "--head.dropout 2": "--head.dropout: input should be less than 1",
    "--optimizer.beta2 0.9": "Did you mean --optimizer.beta_2?",
    "--optimizer.beta_2 7": "--optimizer.beta_2: input should be less than 1",
    "--training.optimizer adamx": "there is no such optimizer; there are: adamw. Did you mean adamw?",
    "--training.schedule cosin": "Did you mean cosine?",
    "--training.metrics balanced": "Did you mean balanced_accuracy?",
    "--schedule.power 2": "unrecognized arguments: --schedule.power 2",
    "--hooks.x true": "unrecognized arguments: --hooks.x true",
    "--hooks.eam true": "Did you mean --hooks.ema?",
    "--hooks.ema.decay 2": "--hooks.ema.decay: input should be less than 1",
    "--hooks.ema maybe": "--hooks.ema: ",
    "--hooks.ema false --hooks.ema.decay 0.3": "another flag switches this off",
}
REQUIRED = ["--backbone", "scratch:tiny", "--output", "not_made"]


def test_mistakes_are_found_without_tensorflow() -> None:
    script = f"""
import sys
from bert_tf import export, train
from bert_tf.errors import UserError
calls = [(train.main, [*{REQUIRED}, "--data.train", "not_there.tsv", *mistake.split()], text)
         for mistake, text in {MISTAKES}.items()]
run = ["--run", "not_there", "--output", "not_made"]
calls.append((export.main, [*run, "--format", "saved_mode"], "Did you mean saved_model?"))
calls.append((export.main, [*run, "--dtype", "float16"], "--dtype goes with --format preset"))
calls.append((export.main, [*run, "--format", "preset", "--dtype", "float8"], "--dtype: "))
for main, argv, text in calls:
    try:
        main(argv)
    except UserError as error:
        assert text in str(error), (argv, str(error))
    else:
        raise AssertionError(argv)
assert "tensorflow" not in sys.modules and "keras" not in sys.modules
"""
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started < 3 * len(MISTAKES)


def test_python_is_told_before_devices_are_looked_for(tmp_path: Path) -> None:
    from bert_tf.training.experiment import run_experiment

    config = ExperimentConfig(
        backbone="scratch:tiny",
        output=str(tmp_path / "run"),
        data={"train": "not_there.tsv"},
        distribution="multi_worker",
        hooks={"ema": {"decay": 2}},
    )
    with pytest.raises(UserError, match=r"--hooks\.ema\.decay"):
        run_experiment(config)


@pytest.mark.parametrize("task", TASKS)
def test_help_lists_every_option(task: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train.main(["--task", task, "--help"])
    shown = capsys.readouterr().out
    flags = [f"--head.{name}" for name in find_schema(task).Options.model_fields]
    flags += [f"--optimizer.{name}" for name in OPTIMIZERS.options("adamw").model_fields]
    flags += [f"--hooks.{hook}" for hook in HOOKS]
    flags += [f"--hooks.{hook}.{name}" for hook in HOOKS for name in HOOKS.options(hook).model_fields]
    for flag in flags:
        assert f"{flag} " in shown or f"{flag}\n" in shown, flag
    for name in (*OPTIMIZERS, *SCHEDULES):
        assert name in shown


def test_a_config_file_is_checked_by_line(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("backbone: scratch:tiny\noutput: x\nhooks:\n  ema:\n    decay: 2\noptimizer:\n  beta2: 1\n")
    with pytest.raises(UserError, match=rf"{file} line 7: optimizer.beta2: .*Did you mean --optimizer.beta_2"):
        train.main(["--config", str(file)])
    with pytest.raises(UserError, match=rf"{file} line 5: hooks.ema.decay: "):
        train.main(["--config", str(file)])


def test_pretraining_has_the_same_flags(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        pretrain.main(["--help"])
    shown = capsys.readouterr().out
    assert "--hooks.ema.decay" in shown
    assert "--optimizer.beta_1" in shown
    with pytest.raises(UserError, match="Did you mean --optimizer.beta_2?"):
        pretrain.main([*REQUIRED, "--data", "not_there.txt", "--optimizer.beta2", "1"])
