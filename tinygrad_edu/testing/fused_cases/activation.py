"""The cases of functions between the layers."""

from __future__ import annotations

import math

import numpy as np

from ...fused.gelu import GELU, TanhGELU
from ...fused.log_softmax import LogSoftmax
from ...fused.logsumexp import LogSumExp
from ...fused.sigmoid import Sigmoid
from ...fused.silu import SiLU
from ...fused.softmax import Softmax
from ...fused.softplus import Softplus
from ..cases import Case, cases_of
from ..inputs import SHAPES, Cases, uniform


@cases_of(GELU)
def gelu_cases(rng: np.random.Generator) -> Cases:
    by_definition = np.vectorize(lambda x: 0.5 * x * math.erfc(-x * math.sqrt(0.5)), otypes="d")
    for x_shape in SHAPES:
        yield Case(GELU(), oracle=lambda x: by_definition(x).astype(x.dtype), x=uniform(rng, x_shape))
    yield Case(GELU(), oracle=lambda x: np.maximum(x, 0), name="gelu of +-800", x=np.array([800.0, -800.0]))


@cases_of(TanhGELU)
def tanh_gelu_cases(rng: np.random.Generator) -> Cases:
    for x_shape in SHAPES:
        yield Case(
            TanhGELU(),
            oracle=lambda x: (0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))).astype(x.dtype),
            x=uniform(rng, x_shape),
        )
    yield Case(TanhGELU(), oracle=lambda x: np.maximum(x, 0), name="tanh gelu of +-800", x=np.array([800.0, -800.0]))


@cases_of(SiLU)
def silu_cases(rng: np.random.Generator) -> Cases:
    for x_shape in SHAPES:
        yield Case(SiLU(), oracle=lambda x: x / (1 + np.exp(-x)), x=uniform(rng, x_shape))
    yield Case(SiLU(), oracle=lambda x: np.maximum(x, 0), name="silu of +-800", x=np.array([800.0, -800.0]))


@cases_of(Softplus)
def softplus_cases(rng: np.random.Generator) -> Cases:
    for x_shape in SHAPES:
        yield Case(Softplus(), oracle=lambda x: np.log(1 + np.exp(x)), x=uniform(rng, x_shape))
    # With this threshold some of the elements are above it; 0.7 away from them, differences are right.
    yield Case(
        Softplus(2.0, 1.0),
        oracle=lambda x: np.where(2 * x > 1, x, np.log(1 + np.exp(2 * x)) / 2),
        x=np.array([-1.0, 0.0, 0.2, 0.8, 1.5]),
    )
    yield Case(Softplus(), oracle=lambda x: np.maximum(x, 0), name="softplus of +-800", x=np.array([800.0, -800.0]))


@cases_of(LogSoftmax)
def log_softmax_cases(rng: np.random.Generator) -> Cases:
    for x_shape, axis in ((3, 4), 1), ((3, 4), 0), ((2, 3, 4), -2), ((4,), 0), ((3, 1), 1), ((0, 3), 1):
        yield Case(
            LogSoftmax(axis),
            oracle=lambda x, axis=axis: np.log(np.exp(x) / np.sum(np.exp(x), axis=axis, keepdims=True)),
            x=uniform(rng, x_shape),
        )
    large = np.array([1000.0, 0.0])
    yield Case(LogSoftmax(0), oracle=lambda x: np.array([0.0, -1000.0], x.dtype), name="log_softmax of [1000, 0]", x=large)


@cases_of(LogSumExp)
def logsumexp_cases(rng: np.random.Generator) -> Cases:
    for x_shape, axis in ((3, 4), (1,)), ((3, 4), (0,)), ((2, 3, 4), (0, 2)), ((4,), (0,)), ((3, 1), (1,)), ((0, 3), (1,)), ((2, 3), ()):
        for keepdims in False, True:
            op = LogSumExp(axis, keepdims)
            yield Case(
                op,
                oracle=lambda x, op=op: np.log(np.sum(np.exp(x), axis=op.axis, keepdims=op.keepdims)),
                x=uniform(rng, x_shape),
            )
    large = np.array([1000.0, 1000.0])
    yield Case(LogSumExp((0,)), oracle=lambda x: x[0] + np.log(x.dtype.type(2)), name="logsumexp of [1000, 1000]", x=large)


@cases_of(Softmax)
def softmax_cases(rng: np.random.Generator) -> Cases:
    for x_shape, axis in ((3, 4), 1), ((3, 4), 0), ((2, 3, 4), -2), ((4,), 0), ((3, 1), 1), ((0, 3), 1):
        yield Case(
            Softmax(axis),
            oracle=lambda x, axis=axis: np.exp(x) / np.sum(np.exp(x), axis=axis, keepdims=True),
            x=uniform(rng, x_shape),
        )
    yield Case(Softmax(0), oracle=lambda x: np.array([1.0, 0.0], x.dtype), name="softmax of [1000, 0]", x=np.array([1000.0, 0.0]))


@cases_of(Sigmoid)
def sigmoid_cases(rng: np.random.Generator) -> Cases:
    for x_shape in SHAPES:
        yield Case(Sigmoid(), oracle=lambda x: 1 / (1 + np.exp(-x)), x=uniform(rng, x_shape))
    yield Case(Sigmoid(), oracle=lambda x: 1 / (1 + np.exp(-x)), name="sigmoid of zeros", x=np.zeros((2, 3)))
    yield Case(Sigmoid(), oracle=lambda x: np.where(x > 0, 1.0, 0.0).astype(x.dtype), name="sigmoid of +-800", x=np.array([800.0, -800.0]))
