"""What is said about a file once, however often it is read."""

from __future__ import annotations

import logging

logger = logging.getLogger("bert_tf")

_said: set[str] = set()


def notice(message: str, level: int = logging.WARNING) -> None:
    """Logs a message, the first time that this process has it."""
    if message not in _said:
        _said.add(message)
        logger.log(level, "%s", message)
