"""Normalization by the root mean square."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from ..engine.op import Fused
from .affine import affine_by_row, matrix
from .moments import LONGEST, is_large, sums_both_ways


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
        if self._is_by_row(x, gamma):
            return self._forward_by_row(x, gamma)
        inv_rms = 1 / np.sqrt(np.mean(x * x, axis=self.axes, keepdims=True) + self.eps)
        out = x * inv_rms
        if gamma is not None:
            out *= gamma
        return out, {"inv_rms": inv_rms}

    def backward(self, g, x, gamma, inv_rms, needs):
        if self._is_by_row(x, gamma) and g.dtype == x.dtype:
            return self._backward_by_row(g, x, gamma, inv_rms, needs)
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

    # The same of large arrays: sums in one pass, and what is affine in x and g in another.

    def _is_by_row(self, x, gamma):
        first = self.axes[0]
        shape = x.shape[first:]
        return (
            self.axes == tuple(range(first, x.ndim))
            and is_large(x, gamma)
            and 16 <= math.prod(shape) <= LONGEST
            and (gamma is None or gamma.shape == shape)
        )

    def _forward_by_row(self, x, gamma):
        rows = self._rows(x)
        inv_rms = 1 / np.sqrt(np.vecdot(rows, rows) / rows.shape[1] + self.eps)
        scale = matrix(*rows.shape, x.dtype, (inv_rms, 1 if gamma is None else gamma.reshape(-1)))
        return affine_by_row(x, rows.shape[1], None, scale), {"inv_rms": inv_rms.reshape(*x.shape[: self.axes[0]], *(1,) * len(self.axes))}

    def _backward_by_row(self, g, x, gamma, inv_rms, needs):
        g, inv_rms = np.ascontiguousarray(g), inv_rms.reshape(-1).astype(np.float64)
        rows = self._rows(x)
        n = rows.shape[1]
        weight = np.ones(n, x.dtype) if gamma is None else gamma.reshape(-1)
        _, products, _, of_x_hat = sums_both_ways(self._rows(g), rows, weight, inv_rms)
        grad_x = None
        if needs[0]:
            coefficients = partial(matrix, *rows.shape, x.dtype)
            grad_x = affine_by_row(x, n, None, coefficients((products * inv_rms**3 / -n, 1)), None, g, coefficients((inv_rms, weight)))
        return grad_x, None if gamma is None else of_x_hat.reshape(gamma.shape)

    def _rows(self, a):
        return a.reshape(-1, math.prod(a.shape[self.axes[0] :]))
