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
    Keeps     x, with largest and total, two numbers for each sum; the softmax is computed again: exp(x - largest) / total.
    Source    Blanchard, Higham and Higham (2021), Accurately computing the log-sum-exp and softmax functions.

    The largest element of x is subtracted first, so that no exponent is positive, and added again; 0 in its place where no element
    is large.
    """

    axis: tuple[int, ...]
    keepdims: bool = False
    real = True

    def forward(self, x):
        lines, axis = self._with_one_axis(x)
        column, dtype = _with_size_1(lines.shape, axis), np.result_type(x, 1.0)
        out, largest, total = np.empty(column, dtype), np.empty(column, dtype), np.empty(column, dtype)
        for x_rows, out_rows, largest_rows, total_rows in row_blocks(axis, lines, out, largest, total):
            if is_harmless(x_rows):
                largest_rows[...] = 0
                total_rows[...] = row_sums(np.exp(x_rows))
            else:
                np.max(x_rows, axis=-1, keepdims=True, out=largest_rows)
                largest_rows[np.isinf(largest_rows)] = 0            # inf - inf is NaN
                total_rows[...] = row_sums(np.exp(x_rows - largest_rows))
            with np.errstate(divide="ignore"):                      # the logarithm of no exponential at all is -inf
                np.log(total_rows, out=out_rows)
            out_rows += largest_rows
        shape = [1 if i in self.axis else n for i, n in enumerate(x.shape) if self.keepdims or i not in self.axis]
        return out.reshape(shape), {"largest": largest, "total": total}

    def backward(self, g, x, largest, total):
        lines, axis = self._with_one_axis(x)
        grad = np.empty(lines.shape, total.dtype)
        factor = g.reshape(total.shape) / np.where(total == 0, 1, total)
        for x_rows, largest_rows, factor_rows, grad_rows in row_blocks(axis, lines, largest, factor, grad):
            np.exp(x_rows - largest_rows if largest_rows.any() else x_rows, out=grad_rows)
            grad_rows *= factor_rows
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
