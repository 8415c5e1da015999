"""The package installs beside what Google Colab has: protobuf 5 above all."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.conftest import REPOSITORY

MOVED = {
    "keras": "keras-hub 0.32 needs keras 3.15",
    "keras-hub": "asked for by exact version",
    "keras-nlp": "the same package by its old name",
    "tensorflow-datasets": "4.9.10 is the first that is tested",
    "simple-parsing": "tensorflow-datasets 4.9.10 needs 0.1.9",
}
"""What an installation replaces in Colab, and why; nothing else that Colab has needs these in the older version."""


def pins() -> dict[str, Version]:
    lines = Path(__file__).with_name("colab_packages.txt").read_text(encoding="utf-8").splitlines()
    parted = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): Version(version) for name, version in parted}


def declared() -> dict[str, list[Requirement]]:
    """The requirements in pyproject.toml: of the core (``""``) and of each extra."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = {"": project["dependencies"], **project["optional-dependencies"]}
    return {extra: [Requirement(text) for text in texts] for extra, texts in extras.items()}


def locked() -> dict[str, Version]:
    lines = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8").splitlines()
    parted = (line.split("#")[0].strip().split("==") for line in lines if "==" in line.split("#")[0])
    return {canonicalize_name(name): Version(version) for name, version in parted}


def test_every_requirement_allows_what_colab_has() -> None:
    there = pins()
    moved = set()
    for requirements in declared().values():
        for requirement in requirements:
            name = canonicalize_name(requirement.name)
            if name in there and not requirement.specifier.contains(there[name]):
                moved.add(name)
    assert moved <= MOVED.keys()


def test_the_health_service_leaves_protobuf_5() -> None:
    requirements = [one for group in declared().values() for one in group]
    (specifier,) = {one.specifier for one in requirements if one.name == "grpcio-health-checking"}
    assert specifier.contains("1.71.2")
    assert not specifier.contains("1.72.0")  # needs protobuf 6


def test_the_lock_has_colabs_protobuf_and_tensorflow() -> None:
    ours, there = locked(), pins()
    for name in ("tensorflow", "tensorflow-text"):
        assert ours[name] == there[name]
    assert ours["protobuf"].major == there["protobuf"].major == 5
    assert ours["grpcio-health-checking"] < Version("1.72")


def test_no_generated_code_is_later_than_protobuf() -> None:
    """Generated modules refuse to be imported beside an older protobuf, as those of tensorflow-metadata 1.21 do."""
    installed = locked()["protobuf"]
    made_by = re.compile(r"ValidateProtobufRuntimeVersion\(\s*[\w.]+,\s*(\d+),\s*(\d+),\s*(\d+)")
    later = {
        each.parts[0]
        for package in distributions()
        for each in package.files or []
        if each.name.endswith("_pb2.py")
        and (made := made_by.search(each.read_text()))
        and Version(".".join(made.groups())) > installed
    }
    assert later <= {"sentencepiece"}  # only Gemma converters of keras-hub import that module


def test_the_lock_names_no_host() -> None:
    text = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index-url" not in text


@pytest.mark.slow
@pytest.mark.parametrize("extra", ["serving", "demo,chinese,translation,notebooks,excel", "beam"])
def test_an_installation_moves_nothing_else_of_colab(extra: str, tmp_path: Path) -> None:
    """Asks the package index; takes minutes."""
    constraints = tmp_path / "colab.txt"
    constraints.write_text("".join(f"{name}=={version}\n" for name, version in pins().items() if name not in MOVED))
    report = tmp_path / "report.json"
    argv = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--report"]
    done = subprocess.run(
        [*argv, str(report), "-c", str(constraints), f"{REPOSITORY}[{extra}]"], capture_output=True, text=True
    )
    if done.returncode and not report.exists() and "onnection" in done.stderr:
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr
    found = {
        canonicalize_name(item["metadata"]["name"]): Version(item["metadata"]["version"])
        for item in json.loads(report.read_text(encoding="utf-8"))["install"]
    }
    there = pins()
    assert {name for name in found.keys() & there.keys() if found[name] != there[name]} <= MOVED.keys()
    assert found["protobuf"] == there["protobuf"]
