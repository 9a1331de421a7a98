"""The cases of sums and products so far."""

from __future__ import annotations

import numpy as np

from ...ops import cumulative
from ..cases import Case, cases_of
from ..inputs import Cases, between, uniform

AXES = ((3, 4), 0), ((2, 3, 2), -1), ((4,), 0), ((0, 3), 0), ((1, 2), 0)


@cases_of(cumulative.CumSum)
def cumsum_cases(rng: np.random.Generator) -> Cases:
    for shape, axis in AXES:
        yield Case(cumulative.cumsum, x=uniform(rng, shape), axis=axis)
    yield Case(cumulative.cumsum, x=uniform(rng, (2, 3)))


@cases_of(cumulative.CumProd)
def cumprod_cases(rng: np.random.Generator) -> Cases:
    for shape, axis in AXES:
        yield Case(cumulative.cumprod, x=uniform(rng, shape), axis=axis)
    yield Case(cumulative.cumprod, x=np.array([[2.0, 0.0, 3.0], [0.0, -1.5, 0.0]]), axis=1)


@cases_of(cumulative.Recurrence)
def recurrence_cases(rng: np.random.Generator) -> Cases:
    def oracle(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
        out = np.moveaxis(b + 0 * a, axis, 0)
        for k in range(1, len(out)):
            out[k] = out[k] + np.moveaxis(a, axis, 0)[k] * out[k - 1]
        return np.moveaxis(out, 0, axis)

    for shape, axis in AXES:
        op = cumulative.Recurrence(axis)
        yield Case(op, oracle=lambda a, b, axis=axis: oracle(a, b, axis), a=uniform(rng, shape), b=uniform(rng, shape))


@cases_of(cumulative.Prod)
def prod_cases(rng: np.random.Generator) -> Cases:
    for shape, axes in (
        ((3, 4), {}), ((3, 4), {"axis": 0}), ((2, 3, 4), {"axis": (-1, 0), "keepdims": True}), ((2, 3), {"axis": (), "keepdims": True}), ((), {}),
        ((4, 0), {"axis": 0}),
    ):
        yield Case(cumulative.prod, x=between(rng, 0.5, 1.5)(shape), **axes)
    yield Case(cumulative.prod, x=np.array([[2.0, 0.0, 3.0], [0.0, -1.5, 0.0], [1.0, 2.0, 3.0]]), axis=1)
