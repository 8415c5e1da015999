"""Makes the sample package visible as if pip had installed it."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bert_tf import plugins

PACKAGE = Path(__file__).with_name("sample_package")


def entry_points_of(package: Path) -> dict[str, dict[str, str]]:
    """Group to name to module, as ``pyproject.toml`` has them."""
    groups: dict[str, dict[str, str]] = tomllib.loads((package / "pyproject.toml").read_text())["project"][
        "entry-points"
    ]
    return groups


@contextmanager
def installed_package(package: Path, folder: Path) -> Iterator[None]:
    """Puts a package on the path, with what pip would write about it.

    Args:
        package: the folder with its ``pyproject.toml``.
        folder: an empty one.
    """
    about = folder / "bert_tf_sample-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: bert-tf-sample\nVersion: 0.1\n")
    lines = []
    for group, points in entry_points_of(package).items():
        lines += [f"[{group}]", *(f"{name} = {module}" for name, module in points.items())]
    (about / "entry_points.txt").write_text("\n".join(lines) + "\n")
    paths = [str(package), str(folder)]
    sys.path[:0] = paths
    plugins.installed.cache_clear()
    try:
        yield
    finally:
        for path in paths:
            sys.path.remove(path)
        plugins.installed.cache_clear()
