"""The affine function of a fully connected layer."""

from __future__ import annotations

import math

from ..engine.op import Fused
from ..ops.linalg import product


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
        return _rows(g).sum(axis=0)

    def composed(self, x, weight, bias):
        out = x @ weight.T
        return out if bias is None else out + bias


def _rows(a):
    """a as a matrix, in a rule; not by -1, which an array of size 0 leaves open."""
    return a.reshape(math.prod(a.shape[:-1]), a.shape[-1])
