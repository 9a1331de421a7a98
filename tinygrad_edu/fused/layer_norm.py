"""Layer normalization, which is group and instance normalization too."""

from __future__ import annotations

import numpy as np

from ..engine.op import Fused


class LayerNorm(Fused):
    """Normalize each row by its own mean and variance, in one node. A row is what lies along axes.

    out = gamma * x_hat + beta    x_hat = (x - mean) * inv_std    inv_std = 1 / sqrt(var + eps)

    Shapes    mean and var are over axes, one number a row; var divides by the elements of a row.
              gamma and beta broadcast to x, one number for each element of a row; either is None for none.
    Gradient  dL/dbeta  = g
              dL/dgamma = g * x_hat, and the walk sums both over the rows
              dL/dx     = inv_std * (h - mean(h) - x_hat * mean(h * x_hat)), with h = g * gamma and means over axes
              The subtracted terms are the paths from x through mean and through var.
    Keeps     x and gamma, with mean, rest and var, one number a row; x_hat is computed again. beta as well, for composed.
    Source    Ba, Kiros and Hinton (2016), arXiv:1607.06450, section 3; Wu and He (2018), arXiv:1803.08494, for groups of channels.
    """

    axes: tuple[int, ...]
    eps: float = 1e-5
    broadcasts = True

    def forward(self, x, gamma, beta):
        mean = np.mean(x, axis=self.axes, keepdims=True)
        out = x - mean
        rest = np.mean(out, axis=self.axes, keepdims=True)      # what rounding left in the mean
        out -= rest
        var = np.mean(out * out, axis=self.axes, keepdims=True)
        out *= 1 / np.sqrt(var + self.eps)
        if gamma is not None:
            out *= gamma
        if beta is not None:
            out += beta
        return out, {"mean": mean, "rest": rest, "var": var}

    def backward(self, g, x, gamma, mean, rest, var, needs):
        inv_std = 1 / np.sqrt(var + self.eps)
        x_hat = x - mean
        x_hat -= rest
        x_hat *= inv_std
        grad_gamma = g * x_hat if needs[1] else None
        if not needs[0]:
            return None, grad_gamma, g
        h = g if gamma is None else g * gamma
        grad_x = x_hat
        grad_x *= -np.mean(h * x_hat, axis=self.axes, keepdims=True)
        grad_x += h
        grad_x -= np.mean(h, axis=self.axes, keepdims=True)
        grad_x *= inv_std
        return grad_x, grad_gamma, g

    def composed(self, x, gamma, beta):
        centered = x - np.mean(x, axis=self.axes, keepdims=True)
        centered = centered - np.mean(centered, axis=self.axes, keepdims=True)
        var = np.mean(centered * centered, axis=self.axes, keepdims=True)
        out = centered / np.sqrt(var + self.eps)
        out = out if gamma is None else gamma * out
        return out if beta is None else out + beta
