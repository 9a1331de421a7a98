"""The cases of tables of vectors."""

from __future__ import annotations

import numpy as np

from ...fused.embedding import Embedding
from ...nn import functional
from ..cases import Case, cases_of
from ..inputs import Cases, uniform


@cases_of(Embedding)
def embedding_cases(rng: np.random.Generator) -> Cases:
    for indices, weight_shape in (
        (np.array([2, 0, 2, 1]), (4, 3)),
        (np.array([[1, 1, 1], [1, 0, 1]]), (2, 2)),
        (np.array(1), (3, 2)),
        (np.zeros((0, 2), int), (3, 2)),
        (np.array([0, 1]), (2, 0)),
    ):
        for padding_idx in -1, weight_shape[0] - 1:
            if padding_idx not in indices:          # what the gradient leaves out is no derivative: tests/test_sparse.py
                yield Case(
                    Embedding(padding_idx),
                    oracle=lambda indices, weight: weight[indices],
                    indices=indices,
                    weight=uniform(rng, weight_shape),
                )
    yield Case(
        lambda weight: functional.embedding([0, 3, 3], weight, padding_idx=-3),
        oracle=lambda weight: weight[[0, 3, 3]],
        name="embedding of [0, 3, 3] with padding_idx -3",
        weight=uniform(rng, (4, 2)),
    )
