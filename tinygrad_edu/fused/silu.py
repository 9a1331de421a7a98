"""The sigmoid linear unit."""

from __future__ import annotations

from ..engine.op import Fused
from .sigmoid import Sigmoid


class SiLU(Fused):
    """Sigmoid linear unit, or swish, element by element.

    out = x * s    s = 1 / (1 + exp(-x))

    Shapes    out has the shape of x.
    Gradient  dL/dx = g * s * (1 + x * (1 - s))
    Keeps     x; s is computed again.
    Source    Elfwing, Uchibe and Doya (2017), arXiv:1702.03118, section 2.
    """

    def forward(self, x):
        return self.composed(x)

    def grad_x(self, g, x):
        s = Sigmoid().composed(x)
        return g * (s * (1 + x * (1 - s)))

    def composed(self, x):
        return x * Sigmoid().composed(x)
