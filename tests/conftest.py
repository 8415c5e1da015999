"""Fixtures of the whole suite: small data, a tiny trained run, one environment for child processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import pytest
from hypothesis import settings

from tests.property_tests import PROFILE

settings.load_profile(PROFILE)

REPOSITORY = Path(__file__).parents[1]

WORDS = {
    "good": ["excellent", "lovely", "very good", "a joy", "喜欢", "很好", "wonderful", "superb", "推荐", "great fun"],
    "bad": ["terrible", "awful", "very bad", "a bore", "讨厌", "很差", "dreadful", "boring", "失望", "no fun"],
}
SUBJECTS = ["the film", "this book", "our hotel", "the food", "这本书", "服务", "the phone", "a long story about it"]


def toy_rows(count: int) -> list[tuple[str, str]]:
    """``(text, label)`` rows whose label a model can learn; no two texts are equal."""
    rows = []
    for number in range(count):
        label = "good" if number % 2 else "bad"
        word = WORDS[label][number // 2 % 10]
        rows.append((f"{SUBJECTS[number // 3 % 8]} {word} {'so ' * (number % 5)}{number}", label))
    return rows


def write_tsv(path: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = ("text", "label")) -> Path:
    """Writes a TSV file and returns its path."""
    path.write_text("\n".join("\t".join(row) for row in [header, *rows]) + "\n", encoding="utf-8")
    return path


def free_port() -> int:
    """A TCP port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture(autouse=True)
def autograph_reads_all_our_code(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A user must not see TensorFlow complain of our code."""
    yield
    records = [record for when in ("setup", "call") for record in caplog.get_records(when)]
    assert [text for record in records if "AutoGraph could not" in (text := record.getMessage())] == []


@pytest.fixture(scope="module")
def no_logging() -> Iterator[None]:
    """For commands called in this process: they would log to a stderr that pytest closes after each test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bert_tf.command_line.start_logging", lambda quiet: None)
        yield


@pytest.fixture(scope="session")
def toy_data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """``train`` (64 rows) and ``validation`` (16 other rows) as TSV files."""
    folder = tmp_path_factory.mktemp("toy_data")
    rows = toy_rows(80)
    return {
        "train": write_tsv(folder / "train.tsv", rows[:64]),
        "validation": write_tsv(folder / "validation.tsv", rows[64:]),
    }


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The development data sets; tests that need them skip where they are absent."""
    path = Path(os.environ.get("BERT_TF_SHARED", REPOSITORY.parent / "shared")) / "data"
    if not path.is_dir():
        pytest.skip(f"the development data sets are not at {path} (set BERT_TF_SHARED)")
    return path


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def command() -> Command:
    """Runs ``python -m bert_tf.NAME ARGS…`` in a process of its own."""

    def run(name: str, *arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", f"bert_tf.{name}", *map(str, arguments)]
        return subprocess.run(argv, capture_output=True, text=True, cwd=REPOSITORY, timeout=300, **options)

    return run


@pytest.fixture(scope="session")
def trained_run(toy_data: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory of a tiny classifier that has learned the toy data. Read only."""
    from bert_tf.config import ExperimentConfig
    from bert_tf.training.experiment import run_experiment

    config = ExperimentConfig(
        backbone="scratch:tiny",
        output=str(tmp_path_factory.mktemp("runs") / "toy"),
        data={"train": str(toy_data["train"]), "validation": str(toy_data["validation"]), "sequence_length": 32},
        scratch={"vocabulary_size": 300},
        training={"epochs": 8, "batch_size": 4, "learning_rate": 1e-3, "tensorboard": False},
    )
    run_experiment(config)
    return Path(config.output)
