"""Where the presets lie that this package carries."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).with_name("presets")


def shipped_names() -> list[str]:
    """The names of the shipped presets."""
    return sorted(path.parent.name for path in _FOLDER.glob("*/config.json"))


def shipped_preset(spec: str) -> Path | None:
    """The directory of a shipped preset such as ``zh_mini``; ``None`` if the spec is no such name."""
    directory = _FOLDER / spec
    return directory if spec.isidentifier() and (directory / "config.json").is_file() else None
