"""The Gaussian error linear unit, in its exact form and in that with tanh."""

from __future__ import annotations

import math

import numpy as np

from ..engine.op import Fused
from ..ops.special import complementary_error_function, erfc


class GELU(Fused):
    """Gaussian error linear unit, element by element.

    out = x * cdf    cdf = erfc(-x / sqrt(2)) / 2, the probability that a standard normal number is below x

    Shapes    out has the shape of x.
    Gradient  dL/dx = g * (cdf + x * exp(-x**2 / 2) / sqrt(2 pi))
    Keeps     x and cdf, which takes long to compute.
    Source    Hendrycks and Gimpel (2016), arXiv:1606.08415, section 2.

    With erfc, and not with 1 + erf, out keeps its digits where x is far below 0.
    """

    def forward(self, x):
        cdf = 0.5 * complementary_error_function(x * -math.sqrt(0.5))
        return x * cdf, {"cdf": cdf}

    def backward(self, g, x, cdf):
        grad = np.exp(-0.5 * x * x)
        grad *= x * (1 / math.sqrt(2 * math.pi))
        grad += cdf
        grad *= g
        return (grad,)

    def composed(self, x):
        return x * (0.5 * erfc(x * -math.sqrt(0.5)))


class TanhGELU(Fused):
    """Gaussian error linear unit in the approximation with tanh, element by element.

    out = x / 2 * (1 + t)    t = tanh(sqrt(2 / pi) * (x + 0.044715 * x**3))

    Shapes    out has the shape of x.
    Gradient  dL/dx = g / 2 * (1 + t + x * (1 - t**2) * sqrt(2 / pi) * (1 + 3 * 0.044715 * x**2))
    Keeps     x; t is computed again.
    Source    Hendrycks and Gimpel (2016), arXiv:1606.08415, section 2.
    """

    def forward(self, x):
        out = self._tanh(x)
        out += 1
        out *= 0.5 * x
        return out

    def backward(self, g, x):
        t = self._tanh(x)
        grad = x * x
        grad *= 3 * 0.044715 * math.sqrt(2 / math.pi)
        grad += math.sqrt(2 / math.pi)
        grad *= x
        grad *= 1 - t * t
        grad += t
        grad += 1
        grad *= 0.5 * g
        return (grad,)

    def _tanh(self, x):
        t = x * x                   # products: x**3 is many times slower
        t *= 0.044715 * math.sqrt(2 / math.pi)
        t += math.sqrt(2 / math.pi)
        t *= x
        return np.tanh(t)

    def composed(self, x):
        return 0.5 * x * (1 + np.tanh(x * (math.sqrt(2 / math.pi) + 0.044715 * math.sqrt(2 / math.pi) * (x * x))))
