"""The logistic function."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ..engine.op import Fused
from .blocks import filled


class Sigmoid(Fused):
    """Logistic function, element by element.

    out = 1 / (1 + exp(-x))

    Shapes    out has the shape of x.
    Gradient  dL/dx = g * out * (1 - out)
    Keeps     out, and not x.
    Source    Bishop (2006), Pattern recognition and machine learning, equation 4.88.

    The twin computes it as exp(low) / (exp(low) + exp(-high)), with low = min(x, 0) and high = max(x, 0): no exponent is positive, so
    nothing overflows, and out keeps all its digits at -80 too.
    """

    def forward(self, x):
        return filled(logistic, x)

    def grad_x(self, g, out):
        return g * (out * (1 - out))

    def composed(self, x):
        numerator = np.exp(np.minimum(x, 0))
        return numerator / (numerator + np.exp(-np.maximum(x, 0)))


def logistic(out, x):
    """Write sigmoid(x) into out."""
    if x.min() > -largest_exponent(out.dtype):
        np.multiply(x, -1, out=out)             # of bools there is no negative
        np.exp(out, out=out)
        out += 1
        np.divide(1, out, out=out)
    else:                                       # exp(-x) would overflow, or there is a NaN
        out[...] = Sigmoid().composed(x)


def logistic_pair(out, opposite, x):
    """Write sigmoid(x) into out and sigmoid(-x) into opposite; 1 - sigmoid(x) would lose its digits where it is small."""
    if x.min() > -largest_exponent(out.dtype):
        np.multiply(x, -1, out=opposite)
        np.exp(opposite, out=opposite)
        np.add(opposite, 1, out=out)
        np.divide(1, out, out=out)
        opposite *= out
    else:
        out[...] = Sigmoid().composed(x)
        opposite[...] = Sigmoid().composed(-x)


@lru_cache
def largest_exponent(dtype: np.dtype) -> float:
    """exp of this, and of less, does not overflow."""
    return float(np.log(np.finfo(dtype).max)) * (1 - 2**-9)
