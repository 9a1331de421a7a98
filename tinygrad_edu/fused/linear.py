"""The affine function of a fully connected layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..engine.op import Fused
from ..ops.choosing import select
from ..ops.elementwise import relu, tanh
from ..ops.linalg import product
from .blocks import flat_blocks
from .sigmoid import Sigmoid, logistic


class Linear(Fused):
    """Multiply by the transpose of a matrix, and add a vector.

    out = x @ weight.T + bias

    Shapes    x (..., k), weight (m, k), bias (m,) or None, out (..., m).
    Gradient  dL/dx      = g @ weight       (..., m) @ (m, k)
              dL/dweight = g.T @ x          (m, rows) @ (rows, k), the axes before the last taken together as rows
              dL/dbias   = sum of g over rows
    Keeps     weight for dL/dx, x for dL/dweight.
    Source    Giles (2008), Collected matrix derivative results for forward and reverse mode algorithmic differentiation.
    """

    def forward(self, x, weight, bias):
        out = product(x, weight.T)
        if bias is not None:
            out += bias
        return out

    def grad_x(self, g, weight):
        return product(g, weight)

    def grad_weight(self, g, x):
        return product(_rows(g).T, _rows(x))

    def grad_bias(self, g):
        rows = _rows(g)
        return np.ones(len(rows), g.dtype) @ rows      # by BLAS, which is quicker than a sum

    def composed(self, x, weight, bias):
        out = x @ weight.T
        return out if bias is None else out + bias


class LinearActivation(Fused):
    """Multiply by the transpose of a matrix, add a vector, and apply a function that takes no memory of its own.

    out = f(x @ weight.T + bias)    f is relu, tanh or sigmoid

    Shapes    as in Linear.
    Gradient  that of Linear, for h in place of g:
              h = g where out > 0, else 0    for relu
              h = g * (1 - out**2)           for tanh
              h = g * out * (1 - out)        for sigmoid
    Keeps     x, weight and out; bias as well, for composed. What f was applied to is overwritten.
    Source    Goodfellow, Bengio and Courville (2016), Deep learning, algorithm 6.4.
    """

    activation: str

    def forward(self, x, weight, bias):
        out = _LINEAR.forward(x, weight, bias)
        ACTIVATIONS[self.activation].apply(out)
        return out

    def backward(self, g, x, weight, out, needs):
        h = ACTIVATIONS[self.activation].gradient(g, out)
        return (
            _LINEAR.grad_x(h, weight) if needs[0] else None,
            _LINEAR.grad_weight(h, x) if needs[1] else None,
            _LINEAR.grad_bias(h) if needs[2] else None,
        )

    def composed(self, x, weight, bias):
        return ACTIVATIONS[self.activation].composed(_LINEAR.composed(x, weight, bias))


_LINEAR = Linear()


class Activation(NamedTuple):
    """A function of which the gradient follows from the value.

    apply     apply(x) puts the values in place of x.
    gradient  gradient(g, out), in a new array.
    composed  the function of Tensors.
    """

    apply: Callable[[Any], Any]
    gradient: Callable[[Any, Any], Any]
    composed: Callable[[Any], Any]


def _relu_gradient(g, out):
    return select(out > 0, g, 0)


def _tanh_gradient(g, out):
    h = out * out
    np.subtract(1, h, out=h)
    h *= g
    return h


def _apply_sigmoid(x):
    for (piece,) in flat_blocks(x):
        logistic(piece, piece)


def _sigmoid_gradient(g, out):
    h = 1 - out
    h *= out
    h *= g
    return h


ACTIVATIONS = {
    "relu": Activation(lambda x: np.maximum(x, 0, out=x), _relu_gradient, relu),
    "tanh": Activation(lambda x: np.tanh(x, out=x), _tanh_gradient, tanh),
    "sigmoid": Activation(_apply_sigmoid, _sigmoid_gradient, Sigmoid().composed),
}


def _rows(a):
    """a as a matrix, in a rule; not by -1, which an array of size 0 leaves open."""
    return a.reshape(math.prod(a.shape[:-1]), a.shape[-1])
