"""The cases of fully connected layers."""

from __future__ import annotations

import numpy as np

from ...fused.linear import Linear
from ...nn import functional
from ..cases import Case, cases_of
from ..op_cases import Cases, uniform


@cases_of(Linear)
def linear_cases(rng: np.random.Generator) -> Cases:
    for x_shape, weight_shape in (
        ((3, 4), (2, 4)),
        ((4,), (2, 4)),
        ((2, 3, 4), (2, 4)),
        ((3, 3), (3, 3)),
        ((0, 4), (2, 4)),
        ((2, 0), (3, 0)),
        ((2, 3), (0, 3)),
    ):
        x, weight, bias = uniform(rng, x_shape), uniform(rng, weight_shape), uniform(rng, weight_shape[:1])
        yield Case(Linear(), oracle=lambda x, weight, bias: x @ weight.T + bias, x=x, weight=weight, bias=bias)
        yield Case(functional.linear, oracle=lambda x, weight: x @ weight.T, x=x, weight=weight)
