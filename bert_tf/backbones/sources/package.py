"""``package://NAME/PATH``: a checkpoint that an installed Python package carries."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from bert_tf.backbones.loading import LoadedBackbone, LoadOptions, load_backbone
from bert_tf.errors import UserError

_PREFIX = "package://"


def accepts(spec: str) -> bool:
    """Whether the spec begins with ``package://``."""
    return spec.startswith(_PREFIX)


def load(spec: str, options: LoadOptions) -> LoadedBackbone:
    """Loads the directory inside the package, without running the package's code.

    Raises:
        UserError: the package or the directory is not there.
    """
    name, _, path = spec.removeprefix(_PREFIX).partition("/")
    try:
        found = find_spec(name) if name.isidentifier() else None
    except ValueError:
        found = None
    if found is None or not found.submodule_search_locations:
        raise UserError(f"--backbone {spec}: the Python package {name!r} is not installed: install it with pip.")
    package = Path(next(iter(found.submodule_search_locations)))
    directory = package / path
    if not directory.is_dir():
        raise UserError(f"--backbone {spec}: the package has no directory {path!r}. Give one that is in {package}.")
    return load_backbone(
        str(directory),
        texts=options.texts,
        scratch=options.scratch,
        sequence_length=options.sequence_length,
        seed=options.seed,
        dtype=options.dtype,
    )
