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


def regular(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Square matrices that are far from singular, and not symmetric. They have an axis before: checks repeat the first row of an input."""
    return np.asarray(2 * np.eye(shape[-1]) + rng.uniform(-0.5, 0.5, shape))


SQUARE = (2, 3, 3), (1, 2, 2), (2, 1, 1), (2, 0, 0), (0, 2, 2)


@cases_of(linalg.Inv)
def inv_cases(rng: np.random.Generator) -> Cases:
    for shape in SQUARE:
        yield Case(linalg.inv, a=regular(rng, *shape))


@cases_of(linalg.Solve)
def solve_cases(rng: np.random.Generator) -> Cases:
    pairs = (
        ((2, 3, 3), (2, 3, 2)),
        ((2, 2, 2), (2, 1)),
        ((1, 2, 2), (2, 2, 2)),
        ((2, 3, 3), (3,)),
        ((1, 0, 0), (0, 2)),
        ((0, 2, 2), (2, 1)),
    )
    for a_shape, b_shape in pairs:
        yield Case(linalg.solve, a=regular(rng, *a_shape), b=uniform(rng, b_shape))


@cases_of(linalg.Det)
def det_cases(rng: np.random.Generator) -> Cases:
    for shape in SQUARE:
        yield Case(linalg.det, a=regular(rng, *shape))
    yield Case(linalg.det, a=np.array([[1.0, 2.0], [2.0, 4.0]]))
    dependent = uniform(rng, (2, 3, 3))
    dependent[:, 2] = dependent[:, 0] - dependent[:, 1]
    yield Case(linalg.det, a=dependent)


@cases_of(linalg.LogAbsDet)
def slogdet_cases(rng: np.random.Generator) -> Cases:
    for shape in SQUARE:
        yield Case(lambda a: np.linalg.slogdet(a).logabsdet, name=f"slogdet(a {shape}).logabsdet", a=regular(rng, *shape))
