"""The affine function of a fully connected layer."""

from __future__ import annotations

from ..engine.op import Fused
from ..ops.linalg import product


class Linear(Fused):
    """Multiply by the transpose of a matrix, and add a vector.

    out = x @ weight.T + bias

    Shapes    x (..., k), weight (m, k), bias (m,) or None, out (..., m).
    Gradient  dL/dx      = g @ weight       (..., m) @ (m, k)
              dL/dweight = g.T @ x          (m, rows) @ (rows, k), the axes before the last taken together as rows
              dL/dbias   = sum of g over rows
    Keeps     weight for dL/dx, x for dL/dweight, the shape of bias.
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
        return product(g.reshape(-1, g.shape[-1]).T, x.reshape(-1, x.shape[-1]))

    def grad_bias(self, g, bias_shape):
        return g.reshape(-1, *bias_shape).sum(axis=0)

    def composed(self, x, weight, bias):
        out = x @ weight.T
        return out if bias is None else out + bias
