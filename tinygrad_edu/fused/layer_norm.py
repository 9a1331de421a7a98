"""Layer normalization."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from ..engine.op import Fused
from .affine import affine_by_row, matrix
from .moments import LONGEST, is_large, kept_moments, moments, sums_both_ways, sums_of_rows


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
              The mean is mean + rest: rest is what rounding left in mean, or mean is 0 and rest the mean itself.
    Source    Ba, Kiros and Hinton (2016), arXiv:1607.06450, section 3.
    """

    axes: tuple[int, ...]
    eps: float = 1e-5
    broadcasts = True

    def forward(self, x, gamma, beta):
        if self._is_by_row(x, gamma, beta):
            return self._forward_by_row(x, gamma, beta)
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

    def backward(self, g, x, gamma, mean, rest, var, beta_shape, needs):
        if self._is_by_row(x, gamma, None) and g.dtype == x.dtype and beta_shape in ((), x.shape[self.axes[0] :]):
            return self._backward_by_row(g, x, gamma, mean, rest, var, needs)
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

    # The same of large arrays: sums in one pass, and what is affine in x and g in another.

    def _is_by_row(self, x, *others):
        """Whether axes are the last ones, and others have a number for each element of a row."""
        shape = x.shape[self.axes[0] :]
        return (
            self.axes == tuple(range(self.axes[0], x.ndim))
            and is_large(x, *others)
            and 16 <= math.prod(shape) <= LONGEST
            and all(other is None or other.shape == shape for other in others)
        )

    def _forward_by_row(self, x, gamma, beta):
        n = math.prod(x.shape[self.axes[0] :])
        rows = x.reshape(-1, n)
        gamma = 1 if gamma is None else gamma.reshape(n)
        beta = 0 if beta is None else beta.reshape(n)
        mean, rest, var = moments(partial(sums_of_rows, rows), n, x.dtype)
        inv_std = 1 / np.sqrt(var + self.eps)
        scale = matrix(*rows.shape, x.dtype, (inv_std, gamma))
        shift = matrix(*rows.shape, x.dtype, (-rest * inv_std, gamma), (1, beta))
        kept = kept_moments(mean, rest, var, x.dtype, (*x.shape[: self.axes[0]], *(1,) * len(self.axes)))
        return affine_by_row(x, n, mean, scale, shift), kept

    def _backward_by_row(self, g, x, gamma, mean, rest, var, needs):
        g, n = np.ascontiguousarray(g), math.prod(x.shape[self.axes[0] :])
        rows, shape = x.reshape(-1, n), x.shape[self.axes[0] :]
        gamma = np.ones(n, x.dtype) if gamma is None else gamma.reshape(n)
        mean = mean.reshape(-1) if mean.any() else None
        rest, inv_std = rest.reshape(-1), 1 / np.sqrt(var.reshape(-1).astype(np.float64) + self.eps)
        of_h, of_products, grad_beta, grad_gamma = sums_both_ways(g.reshape(-1, n), rows, gamma, inv_std, mean, rest)
        grad_x = None
        if needs[0]:
            coefficients = partial(matrix, *rows.shape, x.dtype)
            scale = (of_products - rest * of_h) * inv_std**3 / -n
            shift = of_h * inv_std / -n - scale * rest
            grad_x = affine_by_row(x, n, mean, coefficients((scale, 1)), coefficients((shift, 1)), g, coefficients((inv_std, gamma)))
        return grad_x, grad_gamma.reshape(shape), grad_beta.reshape(shape)
