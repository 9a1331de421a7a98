"""The softmax."""

from __future__ import annotations

import numpy as np

from ..engine.op import Fused
from ..engine.tensor import Tensor
from .blocks import row_blocks, row_sums
from .sigmoid import largest_exponent


class Softmax(Fused):
    """Softmax over one axis.

    out = exp(x) / sum(exp(x))

    Shapes    out has the shape of x; the sum is over axis.
    Gradient  dL/dx = out * (g - sum(g * out))
    Keeps     out, and not x.
    Source    Bridle (1990), Probabilistic interpretation of feedforward classification network outputs.

    The largest element of x is subtracted first, so that no exponent is positive; it cancels out.
    """

    axis: int = -1
    real = True

    def forward(self, x):
        out = np.empty(x.shape, np.result_type(x, 1.0))
        for x_rows, out_rows in row_blocks(self.axis, x, out):
            if is_harmless(x_rows):
                np.exp(x_rows, out=out_rows)
            else:
                np.subtract(x_rows, np.max(x_rows, axis=-1, keepdims=True), out=out_rows)
                np.exp(out_rows, out=out_rows)
            out_rows /= row_sums(out_rows)
        return out

    def grad_x(self, g, out):
        if isinstance(g, Tensor):
            return out * (g - np.sum(g * out, axis=self.axis, keepdims=True))
        grad = np.empty(out.shape, out.dtype)
        for g_rows, out_rows, grad_rows in row_blocks(self.axis, g, out, grad):
            np.subtract(g_rows, row_sums(g_rows, out_rows), out=grad_rows)
            grad_rows *= out_rows
        return grad

    def composed(self, x):
        powers = np.exp(x - np.max(x, axis=self.axis, keepdims=True).detach())
        return powers / np.sum(powers, axis=self.axis, keepdims=True)


def is_harmless(x):
    """Whether no exponential of an element of x, and no sum of them, overflows or loses digits."""
    if x.dtype.char not in "fd" or not x.size:
        return False
    limit = largest_exponent(x.dtype) / 4
    return -limit < x.min() and x.max() < limit
