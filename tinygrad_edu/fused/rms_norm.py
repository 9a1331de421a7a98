"""Normalization by the root mean square."""

from __future__ import annotations

import numpy as np

from ..engine.op import Fused


class RMSNorm(Fused):
    """Divide each row by its root mean square, in one node. A row is what lies along axes.

    out = gamma * x_hat    x_hat = x * inv_rms    inv_rms = 1 / sqrt(mean(x * x) + eps)

    Shapes    the mean is over axes, one number a row; gamma broadcasts to x, one number for each element of a row, or is None.
    Gradient  dL/dgamma = g * x_hat, and the walk sums it over the rows
              dL/dx     = inv_rms * (h - x_hat * mean(h * x_hat)), with h = g * gamma and the mean over axes
              The subtracted term is the path from x through the root mean square.
    Keeps     x and gamma, with inv_rms, one number a row; x_hat is computed again.
    Source    Zhang and Sennrich (2019), arXiv:1910.07467, equation 4.
    """

    axes: tuple[int, ...]
    eps: float
    broadcasts = True

    def forward(self, x, gamma):
        inv_rms = 1 / np.sqrt(np.mean(x * x, axis=self.axes, keepdims=True) + self.eps)
        out = x * inv_rms
        if gamma is not None:
            out *= gamma
        return out, {"inv_rms": inv_rms}

    def backward(self, g, x, gamma, inv_rms, needs):
        x_hat = x * inv_rms
        grad_gamma = g * x_hat if needs[1] else None
        if not needs[0]:
            return None, grad_gamma
        h = g if gamma is None else g * gamma
        grad_x = x_hat
        grad_x *= -np.mean(h * x_hat, axis=self.axes, keepdims=True)
        grad_x += h
        grad_x *= inv_rms
        return grad_x, grad_gamma

    def composed(self, x, gamma):
        x_hat = x / np.sqrt(np.mean(x * x, axis=self.axes, keepdims=True) + self.eps)
        return x_hat if gamma is None else gamma * x_hat
