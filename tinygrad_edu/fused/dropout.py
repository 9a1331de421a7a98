"""Dropout, given the mask."""

from __future__ import annotations

import numpy as np

from ..engine.op import Fused
from ..ops.choosing import clear
from .blocks import filled


class Dropout(Fused):
    """Keep the elements that mask keeps, and scale them so that the expected value stays.

    out = x * scale where mask, else 0    scale = 1 / (1 - p)

    Shapes    x, mask (bools) and out have one shape.
    Gradient  dL/dx = g * scale where mask, else 0: dropout of g
    Keeps     mask, one byte an element. It is drawn outside, by F.dropout, so that this is a function.
    Source    Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting; in the inverted form.
    """

    p: float
    constants = ("mask",)

    def forward(self, x, mask):
        def kernel(out, x, mask):
            np.multiply(x, self.scale, out=out)
            clear(out, mask)

        return filled(kernel, x, mask)

    def grad_x(self, g, mask):
        return self.in_rule(g, mask)

    def composed(self, x, mask):
        return np.where(mask, x, 0) * self.scale

    @property
    def scale(self) -> float:
        return 0.0 if self.p == 1 else 1 / (1 - self.p)
