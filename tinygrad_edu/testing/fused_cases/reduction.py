"""The cases of reductions."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ...fused import norm, variance
from ..cases import Case, cases_of
from ..inputs import REDUCED_AXES, Cases, apart, reduced, uniform

SOME = np.array([True, False, True, True])


@cases_of(variance.Var)
def var_cases(rng: np.random.Generator) -> Cases:
    yield from reduced(variance.var, partial(uniform, rng))
    yield Case(variance.var, x=uniform(rng, (3, 4)), axis=1, ddof=1)
    yield Case(variance.var, x=uniform(rng, (3, 4)), keepdims=True, correction=1.5)
    yield Case(
        lambda x: variance.var(x, axis=1, where=SOME),
        oracle=lambda x: np.var(x, axis=1, where=SOME),
        name="var of some",
        x=uniform(rng, (3, 4)),
    )
    yield Case(
        lambda x, mean: variance.var(x, axis=0, mean=mean, ddof=1),
        oracle=lambda x, mean: np.var(x, axis=0, mean=mean, ddof=1),
        name="var about a mean that is given",
        x=uniform(rng, (3, 4)),
        mean=uniform(rng, (1, 4)),
    )


@cases_of(variance.Std)
def std_cases(rng: np.random.Generator) -> Cases:
    for x_shape, axes in REDUCED_AXES:
        if x_shape != () and axes.get("axis") not in ((), 1):       # the deviation of a single element is 0, which is an end
            yield Case(variance.std, x=uniform(rng, x_shape), **axes)
    yield Case(variance.std, x=uniform(rng, (3, 4)), axis=1, ddof=1)
    yield Case(
        lambda x: variance.std(x, where=SOME, keepdims=True),
        oracle=lambda x: np.std(x, where=SOME, keepdims=True),
        name="std of some",
        x=uniform(rng, (3, 4)),
    )


def norm_by_definition(x: np.ndarray, axis: Any, ord: float, keepdims: bool = False) -> np.ndarray:
    x = np.abs(x)
    if np.isinf(ord):
        return (np.max if ord > 0 else np.min)(x, axis=axis, keepdims=keepdims)
    return np.asarray(np.sum(x**ord, axis=axis, keepdims=keepdims) ** x.dtype.type(1 / ord))


@cases_of(norm.Norm)
def norm_cases(rng: np.random.Generator) -> Cases:
    for ord in 2.0, 1.0, 3.0, 1.5, 0.5, -1.0, -2.5, np.inf, -np.inf:
        for x_shape, axis in ((3, 4), (1,)), ((2, 3, 2), (0, 2)), ((4, 0), (0,)), ((3, 4), (0,)), ((5,), (0,)):
            keepdims = len(axis) == 2
            yield Case(
                norm.Norm(axis, keepdims, ord),
                oracle=lambda x, axis=axis, ord=ord, keepdims=keepdims: norm_by_definition(x, axis, ord, keepdims),
                x=apart(rng, 0.3)(x_shape),
            )
    calls: tuple[tuple[Any, Any], ...] = (
        (None, None), (None, 1), ("fro", None), (1, None), (-1, (0, 1)), (np.inf, (1, 0)), (-np.inf, None), (3, 0), (-1, 1)
    )
    for kind, along in calls:
        yield Case(norm.norm, x=uniform(rng, (3, 4)), ord=kind, axis=along, keepdims=kind == 3)
    yield Case(norm.norm, x=uniform(rng, (2, 3, 2)))
    yield Case(norm.norm, x=uniform(rng, (0,)))
