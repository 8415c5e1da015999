"""What the clients return and raise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Classification:
    """The answer of a classifier for one text.

    Attributes:
        label: the most probable label.
        score: its probability.
        probabilities: of all labels, in the model's order.
    """

    label: str
    score: float
    probabilities: tuple[float, ...]


class ServingError(Exception):
    """The server did not answer, or answered with an error.

    Attributes:
        code: the status, such as ``NOT_FOUND`` (gRPC) or ``404`` (REST).
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
