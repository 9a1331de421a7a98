"""Group normalization, which is instance normalization where each channel is a group."""

from __future__ import annotations

import math

import numpy as np

from ..engine.op import Fused
from .affine import affine_by_row, matrix
from .moments import LONGEST, is_large, kept_moments, moments, sums_of_rows


class GroupNorm(Fused):
    """Normalize each group of channels of each sample by its own mean and variance, in one node.

    out = gamma * x_hat + beta    x_hat = (x - mean) * inv_std    inv_std = 1 / sqrt(var + eps)

    Shapes    x (N, C, ...), gamma and beta (C,), either None for none. A group is so many channels as the setting says, in order.
              mean and var are over a group of a sample, n elements; var divides by n.
    Gradient  dL/dbeta  = sum(g) over all but the channels
              dL/dgamma = sum(g * x_hat) over all but the channels
              dL/dx     = inv_std * (h - mean(h) - x_hat * mean(h * x_hat)), with h = g * gamma and means over a group
              The subtracted terms are the paths from x through mean and through var.
    Keeps     x and gamma, with mean, rest and var, one number a group; x_hat is computed again. beta as well, for composed.
              The mean is mean + rest: rest is what rounding left in mean, or mean is 0 and rest the mean itself.
    Source    Wu and He (2018), arXiv:1803.08494, section 3; Ulyanov, Vedaldi and Lempitsky (2016), arXiv:1607.08022, for one channel.
    """

    channels: int
    eps: float = 1e-5

    def forward(self, x, gamma, beta):
        if self._is_by_plane(x, gamma, beta):
            return self._forward_by_plane(x, gamma, beta)
        groups = self._groups(x)
        mean = np.mean(groups, axis=1, keepdims=True)
        out = groups - mean
        rest = np.mean(out, axis=1, keepdims=True)      # what rounding left in the mean
        out -= rest
        var = np.mean(out * out, axis=1, keepdims=True)
        out *= 1 / np.sqrt(var + self.eps)
        out = out.reshape(x.shape)
        if gamma is not None:
            out *= _on_channels(gamma, x)
        if beta is not None:
            out += _on_channels(beta, x)
        return out, {"mean": mean, "rest": rest, "var": var}

    def backward(self, g, x, gamma, mean, rest, var, needs):
        if self._is_by_plane(x, gamma, None) and g.dtype == x.dtype:
            return self._backward_by_plane(g, x, gamma, mean, rest, var, needs)
        all_but_channels = (0, *range(2, x.ndim))
        inv_std = 1 / np.sqrt(var + self.eps)
        x_hat = self._groups(x) - mean
        x_hat -= rest
        x_hat *= inv_std
        grad_gamma = np.sum(g * x_hat.reshape(x.shape), axis=all_but_channels) if needs[1] else None
        grad_beta = np.sum(g, axis=all_but_channels) if needs[2] else None
        if not needs[0]:
            return None, grad_gamma, grad_beta
        h = self._groups(g if gamma is None else g * _on_channels(gamma, x))
        grad_x = x_hat
        grad_x *= -np.mean(h * x_hat, axis=1, keepdims=True)
        grad_x += h
        grad_x -= np.mean(h, axis=1, keepdims=True)
        grad_x *= inv_std
        return grad_x.reshape(x.shape), grad_gamma, grad_beta

    def composed(self, x, gamma, beta):
        groups = self._groups(x)
        centered = groups - np.mean(groups, axis=1, keepdims=True)
        centered = centered - np.mean(centered, axis=1, keepdims=True)
        var = np.mean(centered * centered, axis=1, keepdims=True)
        out = (centered / np.sqrt(var + self.eps)).reshape(x.shape)
        out = out if gamma is None else _on_channels(gamma, x) * out
        return out if beta is None else out + _on_channels(beta, x)

    def _groups(self, x):
        """x with a row for each group of each sample."""
        return x.reshape(x.shape[0] * x.shape[1] // self.channels, self.channels * math.prod(x.shape[2:]))

    # The same of large arrays: sums in one pass, and what is affine in x and g in another, with a row for each channel of each sample.

    def _is_by_plane(self, x, *others):
        return is_large(x, *others) and 16 <= math.prod(x.shape[2:]) <= LONGEST

    def _forward_by_plane(self, x, gamma, beta):
        planes = x.reshape(-1, math.prod(x.shape[2:]))
        n = self.channels * planes.shape[1]
        mean, rest, var = moments(lambda mean: [self._of_groups(sums) for sums in sums_of_rows(planes, self._of_planes(mean))], n, x.dtype)
        scale = self._of_planes(1 / np.sqrt(var + self.eps)) * (1 if gamma is None else np.tile(gamma, len(x)))
        shift = (0 if beta is None else np.tile(beta, len(x))) - self._of_planes(rest) * scale
        of_x, of_1 = (matrix(*planes.shape, x.dtype, (values, 1)) for values in (scale, shift))
        return affine_by_row(x, planes.shape[1], self._of_planes(mean), of_x, of_1), kept_moments(mean, rest, var, x.dtype, (-1, 1))

    def _backward_by_plane(self, g, x, gamma, mean, rest, var, needs):
        g, planes = np.ascontiguousarray(g), x.reshape(-1, math.prod(x.shape[2:]))
        n = self.channels * planes.shape[1]
        gamma = 1 if gamma is None else np.tile(gamma, len(x))
        mean = self._of_planes(mean[:, 0]) if mean.any() else None
        rest, inv_std = rest[:, 0], 1 / np.sqrt(var[:, 0].astype(np.float64) + self.eps)
        of_g, products = sums_of_rows(planes, mean, g.reshape(planes.shape))
        of_x_hat = (products - self._of_planes(rest) * of_g) * self._of_planes(inv_std)
        grad_x = None
        if needs[0]:
            of_h, of_h_x_hat = (self._of_groups(gamma * sums) for sums in (of_g, of_x_hat))
            scale = of_h_x_hat * inv_std**2 / -n
            shift = of_h * inv_std / -n - scale * rest
            coefficients = self._of_planes(scale), self._of_planes(shift), self._of_planes(inv_std) * gamma
            scale, shift, factor = (matrix(*planes.shape, x.dtype, (values, 1)) for values in coefficients)
            grad_x = affine_by_row(x, planes.shape[1], mean, scale, shift, g, factor)
        return grad_x, *(sums.reshape(x.shape[:2]).sum(axis=0) for sums in (of_x_hat, of_g))

    def _of_groups(self, sums):
        """The sums over groups from those over planes."""
        return sums if self.channels == 1 else sums.reshape(-1, self.channels).sum(axis=1)

    def _of_planes(self, values):
        """The number of each group for each of its planes."""
        return values if values is None or self.channels == 1 else np.repeat(values, self.channels)


def _on_channels(values, x):
    return values.reshape(-1, *(1,) * (x.ndim - 2))
