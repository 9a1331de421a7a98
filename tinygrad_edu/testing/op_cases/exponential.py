"""The cases of roots, powers and logarithms to other bases, and sums of exponentials."""

from __future__ import annotations

from functools import partial

import numpy as np

from ...ops import exponential
from ..cases import cases_of
from ..inputs import Cases, apart, between, of_one, of_two, uniform


@cases_of(exponential.Exp2)
def exp2_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(exponential.exp2, partial(uniform, rng))


@cases_of(exponential.Expm1)
def expm1_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(exponential.expm1, partial(uniform, rng))


@cases_of(exponential.Log2)
def log2_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(exponential.log2, between(rng, 0.5, 3))


@cases_of(exponential.Log10)
def log10_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(exponential.log10, between(rng, 0.5, 3))


@cases_of(exponential.Cbrt)
def cbrt_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(exponential.cbrt, between(rng, 0.5, 3))
    yield from of_one(exponential.cbrt, between(rng, -3, -0.5))


@cases_of(exponential.Reciprocal)
def reciprocal_cases(rng: np.random.Generator) -> Cases:
    yield from of_one(exponential.reciprocal, between(rng, 0.5, 2))
    yield from of_one(exponential.reciprocal, between(rng, -2, -0.5))


@cases_of(exponential.LogAddExp)
def logaddexp_cases(rng: np.random.Generator) -> Cases:
    yield from of_two(exponential.logaddexp, partial(uniform, rng), apart(rng))


@cases_of(exponential.LogAddExp2)
def logaddexp2_cases(rng: np.random.Generator) -> Cases:
    yield from of_two(exponential.logaddexp2, partial(uniform, rng), apart(rng))
