"""The cases of fully connected layers."""

from __future__ import annotations

import numpy as np

from ...fused.linear import Linear, LinearActivation
from ...nn import functional
from ..cases import Case, cases_of
from ..inputs import Cases, uniform


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


@cases_of(LinearActivation)
def linear_activation_cases(rng: np.random.Generator) -> Cases:
    functions = {"relu": lambda x: np.maximum(x, 0), "tanh": np.tanh, "sigmoid": lambda x: 1 / (1 + np.exp(-x))}
    for activation, function in functions.items():
        op = LinearActivation(activation)
        for x_shape, weight_shape in ((3, 4), (2, 4)), ((4,), (2, 4)), ((2, 3, 4), (2, 4)), ((3, 3), (3, 3)), ((0, 4), (2, 4)), ((2, 3), (0, 3)):
            x, weight, bias = uniform(rng, x_shape), uniform(rng, weight_shape), uniform(rng, weight_shape[:1])
            yield Case(op, oracle=lambda x, weight, bias, f=function: f(x @ weight.T + bias), x=x, weight=weight, bias=bias)
        yield Case(
            functional.linear,
            oracle=lambda x, weight, activation, f=function: f(x @ weight.T),
            x=uniform(rng, (3, 4)),
            weight=uniform(rng, (2, 4)),
            activation=activation,
        )
