"""The logarithm of the softmax."""

from __future__ import annotations

import numpy as np

from ..engine.op import Fused
from ..engine.tensor import Tensor
from .blocks import row_blocks, row_sums


class LogSoftmax(Fused):
    """Logarithm of the softmax over one axis.

    out = x - log(sum(exp(x)))

    Shapes    out has the shape of x; the sum is over axis.
    Gradient  dL/dx = g - exp(out) * sum(g)
    Keeps     out, and not x.
    Source    Goodfellow, Bengio and Courville (2016), Deep learning, equation 6.30.

    The largest element of x is subtracted first, so that no exponent is positive; it cancels out.
    """

    axis: int = -1
    real = True

    def forward(self, x):
        out = np.empty(x.shape, np.result_type(x, 1.0))
        for x_rows, out_rows in row_blocks(self.axis, x, out):
            np.subtract(x_rows, np.max(x_rows, axis=-1, keepdims=True), out=out_rows)
            out_rows -= np.log(row_sums(np.exp(out_rows)))
        return out

    def grad_x(self, g, out):
        if isinstance(g, Tensor):
            return g - np.exp(out) * np.sum(g, axis=self.axis, keepdims=True)
        grad = np.empty(out.shape, out.dtype)
        for g_rows, out_rows, grad_rows in row_blocks(self.axis, g, out, grad):
            np.exp(out_rows, out=grad_rows)
            grad_rows *= row_sums(g_rows)
            np.subtract(g_rows, grad_rows, out=grad_rows)
        return grad

    def composed(self, x):
        shifted = x - np.max(x, axis=self.axis, keepdims=True).detach()
        return shifted - np.log(np.sum(np.exp(shifted), axis=self.axis, keepdims=True))
