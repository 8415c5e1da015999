"""``import bert_tf`` costs nothing and gives everything; ``python -m bert_tf`` lists and runs the commands."""

from __future__ import annotations

import subprocess
import sys

import pytest

import bert_tf
from bert_tf.__main__ import commands, main
from bert_tf.errors import UserError
from tests.conftest import REPOSITORY


def test_import_and_help_load_no_tensorflow() -> None:
    script = (
        "import sys, bert_tf, bert_tf.__main__ as m; dir(bert_tf); m.main([]); bert_tf.train; "
        "assert 'tensorflow' not in sys.modules and 'keras' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr
    assert "train" in done.stdout


def test_every_public_name_is_there() -> None:
    for name in bert_tf.__all__:
        assert getattr(bert_tf, name) is not None
    assert callable(bert_tf.train)
    with pytest.raises(AttributeError, match="Classifier"):
        _ = bert_tf.Classifier


def test_commands_are_listed_with_what_they_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert {"train", "evaluate", "predict", "export", "serve", "pretrain", "vocab"} <= commands().keys()
    assert all(commands().values())
    main(["--version"])
    assert capsys.readouterr().out.strip() == f"bert-tf {bert_tf.__version__}"
    with pytest.raises(UserError, match="Did you mean train"):
        main(["trian"])
    with pytest.raises(SystemExit):
        main(["vocab", "--help"])
    assert "--size" in capsys.readouterr().out
