"""The logistic function."""

from __future__ import annotations

import numpy as np

from ..engine.op import Fused


class Sigmoid(Fused):
    """Logistic function, element by element.

    out = 1 / (1 + exp(-x))

    Shapes    out has the shape of x.
    Gradient  dL/dx = g * out * (1 - out)
    Keeps     out, and not x.

    Computed as exp(low) / (exp(low) + exp(-high)), with low = min(x, 0) and high = max(x, 0): no exponent is positive, so nothing
    overflows, and out keeps all its digits at -80 too.
    """

    def forward(self, x):
        return self.composed(x)

    def grad_x(self, g, out):
        return g * (out * (1 - out))

    def composed(self, x):
        numerator = np.exp(np.minimum(x, 0))
        return numerator / (numerator + np.exp(-np.maximum(x, 0)))
