"""Distils a latent semantic analysis of the corpus into the encoder: what a text is about, as a second thing to learn.

Masked tokens teach what stands side by side; whether a text praises or complains they teach late. Counting does it at
once: TF-IDF of runs of one to three tokens, reduced by a singular value decomposition, puts every text at a place near
texts of like wording. The encoder learns to tell that place from the mean of its vectors, while tokens are masked.

Reference: Deerwester et al. 1990 (latent semantic analysis); Levy, Goldberg & Dagan 2015, section 3.3 (the square root
of the singular values).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils.extmath import randomized_svd

from bert_tf.errors import UserError
from bert_tf.pretraining.examples import Example

_LONGEST_RUN = 3


def latent_vectors(examples: Sequence[Example], dimensions: int, seed: int) -> np.ndarray:
    """The places of examples in a latent semantic analysis of them all; in memory.

    Args:
        examples: one text each.
        dimensions: of the space.
        seed: of the decomposition, which is approximate.

    Returns:
        ``(examples, dimensions)`` float32, of length 1 (or 0, for a text that shares no run with another).

    Raises:
        UserError: there are too few examples.
    """
    # A run that stands in two texts counts, one that stands in two copies of a text does not.
    number_of: dict[bytes, int] = {}
    numbers = [number_of.setdefault(example.token_ids.tobytes(), len(number_of)) for example in examples]
    distinct = [examples[first] for first in np.unique(numbers, return_index=True)[1]]
    if len(distinct) <= dimensions:
        raise UserError(f"--document_vectors.dimensions {dimensions}: there are only {len(distinct)} examples.")
    analysis = TfidfVectorizer(analyzer=_runs, min_df=2, sublinear_tf=True, dtype=np.float32)
    left, values, _ = randomized_svd(analysis.fit_transform(distinct), dimensions, n_iter=3, random_state=seed)
    places = left * np.sqrt(values)
    places /= np.maximum(np.linalg.norm(places, axis=1, keepdims=True), 1e-12)
    return places.astype(np.float32)[numbers]


def _runs(example: Example) -> list[tuple[int, ...]]:
    ids = example.token_ids[1:-1].tolist()
    return [tuple(ids[i : i + n]) for n in range(1, _LONGEST_RUN + 1) for i in range(len(ids) - n + 1)]


@keras.saving.register_keras_serializable(package="bert_tf")
class DocumentVectorHead(keras.layers.Layer):
    """From the mean of a text's vectors to its place.

    Args:
        dimensions: of the space.
    """

    def __init__(self, dimensions: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dimensions = dimensions
        self.projection = keras.layers.Dense(dimensions, dtype=self.dtype_policy, name="projection")

    def build(self, states_shape: tuple[int | None, ...], padding_mask_shape: tuple[int | None, ...]) -> None:
        self.projection.build((states_shape[0], states_shape[-1]))

    def call(self, states: Any, padding_mask: Any) -> Any:
        """``(batch, seq_len, hidden)`` and ``(batch, seq_len)`` int32 to ``(batch, dimensions)``."""
        mask = ops.cast(ops.expand_dims(padding_mask, -1), states.dtype)
        return self.projection(ops.sum(states * mask, 1) / ops.maximum(ops.sum(mask, 1), 1))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dimensions": self.dimensions}
