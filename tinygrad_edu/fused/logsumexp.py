"""The logarithm of a sum of exponentials."""

from __future__ import annotations

import numpy as np

from ..engine.op import Fused


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
        largest = np.max(x, axis=self.axis, keepdims=True)
        largest = np.where(np.isinf(largest), 0, largest)       # inf - inf is NaN
        powers = np.asarray(x - largest)
        np.exp(powers, out=powers)
        with np.errstate(divide="ignore"):                      # the logarithm of no exponential at all is -inf
            out = np.log(np.sum(powers, axis=self.axis, keepdims=self.keepdims))
        return out + largest.reshape(out.shape)

    def backward(self, g, x, out):
        with_size_1 = tuple(1 if axis in self.axis else n for axis, n in enumerate(x.shape))
        grad = np.asarray(x - np.where(out == -np.inf, 0, out).reshape(with_size_1))
        np.exp(grad, out=grad)
        grad *= g.reshape(with_size_1)
        return (grad,)

    def composed(self, x):
        largest = np.max(x, axis=self.axis, keepdims=True).detach()
        largest = np.where(np.abs(largest) == np.inf, 0, largest)
        total = np.sum(np.exp(x - largest), axis=self.axis, keepdims=self.keepdims)
        empty = total == 0
        return np.where(empty, -np.inf, np.log(np.where(empty, 1, total)) + largest.reshape(total.shape))
