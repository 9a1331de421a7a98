"""The logarithm of a sum of exponentials."""

from __future__ import annotations

import math

import numpy as np

from ..engine.op import Fused
from .blocks import row_blocks, row_sums
from .softmax import is_harmless


class LogSumExp(Fused):
    """Logarithm of the sum of exponentials over some axes: a smooth maximum.

    out = log(sum(exp(x)))

    Shapes    out has the shape of x without axis, or with size 1 there if keepdims.
    Gradient  dL/dx = g * exp(x - out), the softmax; 0 where all of x is -inf.
    Keeps     x and out, one number for each sum; the softmax is computed again.
    Source    Blanchard, Higham and Higham (2021), Accurately computing the log-sum-exp and softmax functions.

    The largest element of x is subtracted first, so that no exponent is positive, and added again.
    """

    axis: tuple[int, ...]
    keepdims: bool = False

    def forward(self, x):
        lines, axis = self._with_one_axis(x)
        out = np.empty(_with_size_1(lines.shape, axis), np.result_type(x, np.float16))
        for x_rows, out_rows in row_blocks(axis, lines, out):
            if is_harmless(x_rows):
                np.log(row_sums(np.exp(x_rows)), out=out_rows)
                continue
            largest = np.max(x_rows, axis=-1, keepdims=True)
            largest = np.where(np.isinf(largest), 0, largest)       # inf - inf is NaN
            with np.errstate(divide="ignore"):                      # the logarithm of no exponential at all is -inf
                np.log(row_sums(np.exp(x_rows - largest)), out=out_rows)
            out_rows += largest
        return out.reshape([1 if i in self.axis else n for i, n in enumerate(x.shape) if self.keepdims or i not in self.axis])

    def backward(self, g, x, out):
        lines, axis = self._with_one_axis(x)
        column = _with_size_1(lines.shape, axis)
        grad = np.empty(lines.shape, out.dtype)
        for x_rows, g_rows, out_rows, grad_rows in row_blocks(axis, lines, g.reshape(column), out.reshape(column), grad):
            np.subtract(x_rows, np.where(out_rows == -np.inf, 0, out_rows), out=grad_rows)
            np.exp(grad_rows, out=grad_rows)
            grad_rows *= g_rows
        if len(self.axis) != 1:
            others = [i for i in range(x.ndim) if i not in self.axis]
            order = [*others, *self.axis]
            grad = grad.reshape([x.shape[i] for i in order]).transpose(np.argsort(order))
        return (grad,)

    def _with_one_axis(self, x):
        """x with the axes of a sum taken together as one, and which axis that is."""
        if len(self.axis) == 1:
            return x, self.axis[0]
        others = [i for i in range(x.ndim) if i not in self.axis]
        sizes = [x.shape[i] for i in others]
        return x.transpose(*others, *self.axis).reshape(*sizes, math.prod(x.shape[i] for i in self.axis)), len(others)

    def composed(self, x):
        largest = np.max(x, axis=self.axis, keepdims=True).detach()
        largest = np.where(np.abs(largest) == np.inf, 0, largest)
        total = np.sum(np.exp(x - largest), axis=self.axis, keepdims=self.keepdims)
        empty = total == 0
        return np.where(empty, -np.inf, np.log(np.where(empty, 1, total)) + largest.reshape(total.shape))


def _with_size_1(shape, axis):
    return (*shape[:axis], 1, *shape[axis + 1 :])
