"""The softplus."""

from __future__ import annotations

import numpy as np

from ..engine.op import Fused
from .blocks import filled
from .sigmoid import logistic


class Softplus(Fused):
    """A smooth maximum of x and 0, element by element.

    out = log(1 + exp(beta * x)) / beta, and x where beta * x > threshold

    Shapes    out has the shape of x.
    Gradient  dL/dx = g * sigmoid(beta * x), and g where beta * x > threshold
    Keeps     x.
    Source    Dugas et al. (2001), Incorporating second-order functional knowledge for better option pricing.

    For y = beta * x it is max(y, 0) + log(1 + exp(-|y|)), so no exponent is positive. The twin says the same by two branches that are
    smooth at 0, which the maximum and the absolute value are not.
    """

    beta: float = 1.0
    threshold: float = 20.0
    real = True

    def forward(self, x):
        def kernel(out, x, rest):
            y = np.multiply(x, self.beta, out=out)
            log1p_exp_of_minus_abs(rest, y)
            if not y.max() <= self.threshold:
                rest *= y <= self.threshold
            np.clip(y, 0, np.inf, out=out)          # a maximum with a number takes three times as long
            out += rest
            if self.beta != 1:
                out /= self.beta

        return filled(kernel, x, scratch=1)

    def backward(self, g, x):
        def kernel(grad, x, g, y):
            np.multiply(x, self.beta, out=y)
            logistic(grad, y)
            if not y.max() <= self.threshold:
                np.copyto(grad, 1, where=y > self.threshold)
            grad *= g

        return (filled(kernel, x, g, scratch=1),)

    def composed(self, x):
        scaled = self.beta * x
        positive = scaled > 0
        rest = np.log1p(np.exp(np.where(positive, -scaled, scaled)))
        return np.where(scaled > self.threshold, x, (np.where(positive, scaled, 0) + rest) / self.beta)


def log1p_exp_of_minus_abs(out, x):
    """Write log(1 + exp(-|x|)) into out: what softplus(x) is above max(x, 0), and softplus(-x) above max(-x, 0)."""
    np.abs(x, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
