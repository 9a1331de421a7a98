"""The softplus."""

from __future__ import annotations

import numpy as np

from ..engine.op import Fused
from .sigmoid import Sigmoid


class Softplus(Fused):
    """A smooth maximum of x and 0, element by element.

    out = log(1 + exp(beta * x)) / beta, and x where beta * x > threshold

    Shapes    out has the shape of x.
    Gradient  dL/dx = g * sigmoid(beta * x), and g where beta * x > threshold
    Keeps     x.
    Source    Dugas et al. (2001), Incorporating second-order functional knowledge for better option pricing.

    For y = beta * x it is y + log(1 + exp(-y)) where y > 0, so no exponent is positive; both branches are smooth at 0.
    """

    beta: float = 1.0
    threshold: float = 20.0

    def forward(self, x):
        return self.composed(x)

    def grad_x(self, g, x):
        scaled = self.beta * x
        return g * np.where(scaled > self.threshold, 1, Sigmoid().composed(scaled))

    def composed(self, x):
        scaled = self.beta * x
        positive = scaled > 0
        rest = np.log1p(np.exp(np.where(positive, -scaled, scaled)))
        return np.where(scaled > self.threshold, x, (np.where(positive, scaled, 0) + rest) / self.beta)
