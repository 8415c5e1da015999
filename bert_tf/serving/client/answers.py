"""What the clients return and raise, and what they try again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter


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


def text_columns(texts: str | Sequence[str], text_pairs: str | Sequence[str] | None) -> dict[str, list[str]]:
    """The inputs of a classifier: a text by itself is a list of one.

    Raises:
        ValueError: there are not as many second texts as first ones.
    """
    columns = {"text": texts} if text_pairs is None else {"text": texts, "text_pair": text_pairs}
    lists = {name: [values] if isinstance(values, str) else list(values) for name, values in columns.items()}
    if text_pairs is not None and len(lists["text"]) != len(lists["text_pair"]):
        raise ValueError(f"{len(lists['text'])} texts, but {len(lists['text_pair'])} text_pairs: give one for each.")
    return lists


def retrying(codes: Collection[str], attempts: int) -> Retrying:
    """Calls again what raised a :class:`ServingError` with one of the codes, after growing pauses.

    Args:
        codes: of a server that is unreachable or overloaded.
        attempts: in all; the last error is raised.
    """
    return Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, ServingError) and error.code in codes),
        stop=stop_after_attempt(attempts),
        wait=wait_exponential_jitter(initial=0.1, max=5),
        reraise=True,
    )
