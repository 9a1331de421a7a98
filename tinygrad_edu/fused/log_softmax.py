"""The logarithm of the softmax."""

from __future__ import annotations

import numpy as np

from ..engine.op import Fused


class LogSoftmax(Fused):
    """Logarithm of the softmax over one axis.

    out = x - log(sum(exp(x)))

    Shapes    out has the shape of x; the sum is over axis.
    Gradient  dL/dx = g - exp(out) * sum(g)
    Keeps     out, and not x.

    The largest element of x is subtracted first, so that no exponent is positive; it cancels out.
    """

    axis: int = -1

    def forward(self, x):
        out = x - np.max(x, axis=self.axis, keepdims=True)
        out -= np.log(np.sum(np.exp(out), axis=self.axis, keepdims=True))
        return out

    def grad_x(self, g, out):
        return g - np.exp(out) * np.sum(g, axis=self.axis, keepdims=True)

    def composed(self, x):
        shifted = x - np.max(x, axis=self.axis, keepdims=True).detach()
        return shifted - np.log(np.sum(np.exp(shifted), axis=self.axis, keepdims=True))
