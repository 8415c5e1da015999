"""What of Keras and KerasHub is not public stands in one file."""

from __future__ import annotations

import re

from tests.conftest import REPOSITORY

PRIVATE = re.compile(r"\bkeras(_hub)?\.src\b|\bkeras(_hub)?(\.\w+)*\._\w+")


def test_private_names_are_used_in_one_file() -> None:
    users = {
        path.name for path in (REPOSITORY / "bert_tf").rglob("*.py") if PRIVATE.search(path.read_text(encoding="utf-8"))
    }
    assert users == {"keras_internals.py"}
