"""The Gaussian error linear unit, in its exact form and in that with tanh."""

from __future__ import annotations

import math

import numpy as np

from ..engine.op import Fused
from ..ops.special import erfc, erfc_of_abs
from .blocks import filled


class GELU(Fused):
    """Gaussian error linear unit, element by element.

    out = x * cdf    cdf = erfc(-x / sqrt(2)) / 2, the probability that a standard normal number is below x

    Shapes    out has the shape of x.
    Gradient  dL/dx = g * (cdf + x * exp(-x**2 / 2) / sqrt(2 pi))
    Keeps     x and cdf, which takes long to compute.
    Source    Hendrycks and Gimpel (2016), arXiv:1606.08415, section 2.

    With erfc, and not with 1 + erf, out keeps its digits where x is far below 0.
    """

    real = True

    def forward(self, x):
        def kernel(out, x, cdf, z, t):
            np.multiply(x, math.sqrt(0.5), out=cdf)
            erfc_of_abs(out, cdf, z, t)
            out *= 0.5
            np.subtract(x >= 0, out, out=cdf)
            np.abs(cdf, out=cdf)
            np.multiply(x, cdf, out=out)

        cdf = np.empty(x.shape, np.result_type(x, 1.0))
        return filled(kernel, x, cdf, scratch=2), {"cdf": cdf}

    def backward(self, g, x, cdf):
        def kernel(grad, x, g, cdf, slope):
            np.multiply(x, x, out=grad)
            grad *= -0.5
            np.exp(grad, out=grad)
            np.multiply(x, 1 / math.sqrt(2 * math.pi), out=slope)
            grad *= slope
            grad += cdf
            grad *= g

        return (filled(kernel, x, g, cdf, scratch=1),)

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
        def kernel(out, x):
            _tanh(out, x)
            out += 1
            out *= x
            out *= 0.5

        return filled(kernel, x)

    def backward(self, g, x):
        def kernel(grad, x, g, slope, rest):
            np.multiply(x, x, out=slope)
            _tanh(grad, x)
            slope *= 3 * 0.044715 * math.sqrt(2 / math.pi)
            slope += math.sqrt(2 / math.pi)
            slope *= x
            np.subtract(1, grad, out=rest)
            slope *= rest
            slope += 1
            grad += 1
            grad *= slope                       # (1 + t) * (1 + (1 - t) * slope)
            grad *= g
            grad *= 0.5

        return (filled(kernel, x, g, scratch=2),)

    def composed(self, x):
        return 0.5 * x * (1 + np.tanh(x * (math.sqrt(2 / math.pi) + 0.044715 * math.sqrt(2 / math.pi) * (x * x))))


def _tanh(out, x):
    """Write t into out."""
    np.multiply(x, x, out=out)                  # products: x**3 is many times slower
    out *= 0.044715 * math.sqrt(2 / math.pi)
    out += math.sqrt(2 / math.pi)
    out *= x
    np.tanh(out, out=out)
