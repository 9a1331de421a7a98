"""The sigmoid linear unit."""

from __future__ import annotations

import numpy as np

from ..engine.op import Fused
from .blocks import filled
from .sigmoid import Sigmoid, logistic


class SiLU(Fused):
    """Sigmoid linear unit, or swish, element by element.

    out = x * s    s = 1 / (1 + exp(-x))

    Shapes    out has the shape of x.
    Gradient  dL/dx = g * s * (1 + x * (1 - s))
    Keeps     x; s is computed again.
    Source    Elfwing, Uchibe and Doya (2017), arXiv:1702.03118, section 2.
    """

    def forward(self, x):
        def kernel(out, x):
            logistic(out, x)
            out *= x

        return filled(kernel, x)

    def backward(self, g, x):
        def kernel(grad, x, g, rest):
            s = grad
            logistic(s, x)
            np.subtract(1, s, out=rest)
            rest *= x
            rest += 1
            grad *= rest
            grad *= g

        return (filled(kernel, x, g, scratch=1),)

    def composed(self, x):
        return x * Sigmoid().composed(x)
