"""The squared error."""

from __future__ import annotations

import numpy as np

from ..engine.op import Fused
from .blocks import filled, total


class MSE(Fused):
    """Squares of the differences, element by element; then their mean or sum.

    out = mean((x - target)**2)

    Shapes    x and target have one shape; out (), or that shape for reduction "none".
    Gradient  dL/dx      = 2 * g * (x - target), divided by the number of elements for reduction "mean"
              dL/dtarget = -dL/dx
    Keeps     x and target, which exist already; the difference is computed again, so that no array is made for it.
    Source    Bishop (2006), Pattern recognition and machine learning, equation 3.12.
    """

    reduction: str = "mean"

    def forward(self, x, target):
        if self.reduction == "none":
            return np.square(x - target)

        def kernel(x, target, difference):
            np.subtract(x, target, out=difference)
            return difference.dot(difference)

        squares = total(kernel, x, target, scratch=1)
        return squares / x.size if self.reduction == "mean" else squares

    def backward(self, g, x, target, needs):
        def kernel(grad, x, target, share):
            np.subtract(x, target, out=grad)
            grad *= share

        grad = filled(kernel, x, target, 2 * g / x.size if self.reduction == "mean" else 2 * g)
        return grad, -grad if needs[1] else None

    def composed(self, x, target):
        squares = np.square(x - target)
        return squares if self.reduction == "none" else np.mean(squares) if self.reduction == "mean" else np.sum(squares)
