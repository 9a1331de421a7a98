"""The cases of reductions."""

from __future__ import annotations

from functools import partial

import numpy as np

from ...ops import reduce
from ..cases import Case, cases_of
from ..inputs import Cases, apart, reduced, uniform


@cases_of(reduce.Sum)
def sum_cases(rng: np.random.Generator) -> Cases:
    yield from reduced(reduce.sum, partial(uniform, rng))
    yield Case(reduce.sum, x=uniform(rng, (0, 3)), axis=0)
    yield Case(reduce.sum, x=uniform(rng, (2, 3)), axis=1, initial=0.1)
    yield Case(reduce.sum, x=uniform(rng, (2, 3)), axis=1, dtype=np.float64)


@cases_of(reduce.Mean)
def mean_cases(rng: np.random.Generator) -> Cases:
    yield from reduced(reduce.mean, partial(uniform, rng))


@cases_of(reduce.Max)
def max_cases(rng: np.random.Generator) -> Cases:
    yield from reduced(reduce.max, apart(rng))


@cases_of(reduce.Min)
def min_cases(rng: np.random.Generator) -> Cases:
    yield from reduced(reduce.min, apart(rng))
