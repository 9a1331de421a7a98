"""The cases of products of matrices."""

from __future__ import annotations

import numpy as np

from ...ops import linalg
from ..cases import Case, cases_of
from ..inputs import Cases, uniform


@cases_of(linalg.MatMul)
def matmul_cases(rng: np.random.Generator) -> Cases:
    pairs = (
        ((3, 4), (4, 2)),
        ((1, 4), (4, 1)),
        ((4,), (4, 2)),
        ((3, 4), (4,)),
        ((4,), (4,)),
        ((2, 3, 4), (4, 2)),
        ((3, 4), (2, 4, 3)),
        ((2, 3, 4), (2, 4, 2)),
        ((2, 1, 3, 4), (3, 4, 2)),
        ((1, 3, 4), (2, 4, 2)),
        ((2, 1, 3, 4), (4, 2)),
        ((2, 3, 4), (4,)),
        ((4,), (2, 4, 3)),
        ((0, 4), (4, 2)),
        ((3, 0), (0, 2)),
        ((3, 4), (4, 0)),
        ((2, 3, 0), (0, 2)),
        ((0, 3, 4), (4, 2)),
        ((2, 3, 4), (4, 0)),
        ((0,), (0,)),
    )
    for a_shape, b_shape in pairs:
        yield Case(linalg.matmul, a=uniform(rng, a_shape), b=uniform(rng, b_shape))
    yield Case(lambda x: x @ x, name="x @ x", x=uniform(rng, (3, 3)))
    yield Case(lambda x: x @ x.T, name="x @ x.T", x=uniform(rng, (3, 2)))
