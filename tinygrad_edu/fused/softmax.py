"""The softmax."""

from __future__ import annotations

import numpy as np

from ..engine.op import Fused


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

    def forward(self, x):
        out = np.exp(x - np.max(x, axis=self.axis, keepdims=True))
        out /= np.sum(out, axis=self.axis, keepdims=True)
        return out

    def grad_x(self, g, out):
        return out * (g - np.sum(g * out, axis=self.axis, keepdims=True))

    def composed(self, x):
        powers = np.exp(x - np.max(x, axis=self.axis, keepdims=True).detach())
        return powers / np.sum(powers, axis=self.axis, keepdims=True)
