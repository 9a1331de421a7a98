"""Batch normalization, in training and in evaluation."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from ..engine.op import Fused
from .affine import affine_by_channel
from .moments import LONGEST, is_large, kept_moments, moments, sums_of_channels


class BatchNorm(Fused):
    """Normalize each channel by its mean and variance over the batch, in one node.

    out = gamma * x_hat + beta    x_hat = (x - mean) * inv_std    inv_std = 1 / sqrt(var + eps)

    Shapes    gamma and beta broadcast to the shape of x with size 1 on each of axes.
              mean and var are over axes, n elements each; var divides by n.
    Gradient  dL/dbeta  = sum(g)
              dL/dgamma = sum(g * x_hat)
              dL/dx     = gamma * inv_std * (g - mean(g) - x_hat * mean(g * x_hat))
              The subtracted terms are the paths from x through mean and through var. All sums and means are over axes.
    Keeps     x and gamma, with mean, rest and var, one number a channel; x_hat is computed again. beta as well, for composed.
              The mean is mean + rest: rest is what rounding left in mean, or mean is 0 and rest the mean itself.
    Source    Ioffe and Szegedy (2015), arXiv:1502.03167, section 3; Chan, Golub and LeVeque (1983), Algorithms for computing the sample
              variance, for the sums over large arrays.
    """

    axes: tuple[int, ...]
    eps: float = 1e-5
    broadcasts = True

    def forward(self, x, gamma, beta):
        if _is_by_channel(self.axes, x, gamma, beta):
            return self._forward_by_channel(x, gamma, beta)
        mean = np.mean(x, axis=self.axes, keepdims=True)
        out = x - mean
        rest = np.mean(out, axis=self.axes, keepdims=True)      # what rounding left in the mean: 0.01 at mean 1e4 in float32
        out -= rest
        var = np.mean(out * out, axis=self.axes, keepdims=True)
        out *= gamma / np.sqrt(var + self.eps)
        out += beta
        return out, {"mean": mean, "rest": rest, "var": var}

    def backward(self, g, x, gamma, mean, rest, var, needs):
        if _is_by_channel(self.axes, x, gamma) and g.dtype == x.dtype:
            return self._backward_by_channel(g, x, gamma, mean, rest, var, needs)
        n = math.prod(x.shape[axis] for axis in self.axes)
        inv_std = 1 / np.sqrt(var + self.eps)
        x_hat = x - mean
        x_hat -= rest
        x_hat *= inv_std
        grad_beta = np.sum(g, axis=self.axes, keepdims=True)
        grad_gamma = np.sum(g * x_hat, axis=self.axes, keepdims=True)
        if not needs[0]:
            return None, grad_gamma, grad_beta
        grad_x = x_hat
        grad_x *= grad_gamma / -n
        grad_x += g
        grad_x -= grad_beta / n
        grad_x *= gamma * inv_std
        return grad_x, grad_gamma, grad_beta

    def composed(self, x, gamma, beta):
        centered = x - np.mean(x, axis=self.axes, keepdims=True)
        centered = centered - np.mean(centered, axis=self.axes, keepdims=True)
        var = np.mean(centered * centered, axis=self.axes, keepdims=True)
        return gamma * (centered / np.sqrt(var + self.eps)) + beta

    # The same of large arrays: sums in one pass, and what is affine in x and g in a second one.

    def _forward_by_channel(self, x, gamma, beta):
        mean, rest, var = moments(partial(sums_of_channels, x), x.size // gamma.size, x.dtype)
        scale = gamma.reshape(-1) / np.sqrt(var + self.eps)
        out = affine_by_channel(x, mean, scale, beta.reshape(-1) - rest * scale)
        return out, kept_moments(mean, rest, var, x.dtype, (1, -1, *(1,) * (x.ndim - 2)))

    def _backward_by_channel(self, g, x, gamma, mean, rest, var, needs):
        n, shape = x.size // gamma.size, gamma.shape
        g = np.ascontiguousarray(g)
        gamma, mean, rest, var = (values.reshape(-1) for values in (gamma, mean, rest, var))
        mean = mean if mean.any() else None
        inv_std = 1 / np.sqrt(var.astype(np.float64) + self.eps)
        grad_beta, products = sums_of_channels(x, mean, g)
        grad_gamma = (products - rest * grad_beta) * inv_std
        grad_x = None
        if needs[0]:
            factor = gamma * inv_std
            scale = factor * inv_std * grad_gamma / -n
            shift = factor * grad_beta / -n - scale * rest
            grad_x = affine_by_channel(x, mean, scale, shift, g, factor)
        return grad_x, grad_gamma.reshape(shape), grad_beta.reshape(shape)


def _is_by_channel(axes, x, *others):
    """Whether axes are all but axis 1, and others have a number for each channel."""
    if axes != (0, *range(2, x.ndim)) or x.ndim < 2 or not is_large(x, *others):
        return False
    shape = (x.shape[1], *(1,) * (x.ndim - 2))
    return math.prod(x.shape[2:]) <= LONGEST and all(other.shape in (shape, (1, *shape)) for other in others)


class BatchNormEvaluation(Fused):
    """Normalize each channel by a mean and a variance that are given: the running ones, once training is over.

    out = gamma * x_hat + beta    x_hat = (x - mean) * inv_std    inv_std = 1 / sqrt(var + eps)

    Shapes    gamma, beta, mean and var broadcast to x; their gradients are summed back to their shapes by the walk.
    Gradient  dL/dx     = g * gamma * inv_std
              dL/dgamma = g * x_hat
              dL/dbeta  = g
              dL/dmean  = -g * gamma * inv_std
              dL/dvar   = -g * gamma * x_hat * inv_std**2 / 2
    Keeps     of x, gamma, mean and var what the gradients that are needed name.
    Source    Ioffe and Szegedy (2015), arXiv:1502.03167, algorithm 2.
    """

    eps: float = 1e-5
    broadcasts = True

    def forward(self, x, gamma, beta, mean, var):
        if _is_by_channel((0, *range(2, x.ndim)), x, gamma, beta, mean, var):
            gamma, beta, mean, var = (values.reshape(-1).astype(np.float64) for values in (gamma, beta, mean, var))
            scale = gamma / np.sqrt(var + self.eps)
            if (mean * mean > var + self.eps).any():      # the mean is not small beside the standard deviation
                return affine_by_channel(x, mean, scale, beta)
            return affine_by_channel(x, None, scale, beta - mean * scale)
        out = x - mean
        out *= gamma / np.sqrt(var + self.eps)
        out += beta
        return out

    def grad_x(self, g, gamma, var):
        return g * (gamma / np.sqrt(var + self.eps))

    def grad_gamma(self, g, x, mean, var):
        if type(g) is np.ndarray and g.dtype == x.dtype and _is_by_channel((0, *range(2, x.ndim)), x, mean, var):
            _, products = sums_of_channels(x, mean.reshape(-1), np.ascontiguousarray(g))
            return (products / np.sqrt(var.reshape(-1) + self.eps)).reshape(mean.shape)
        return g * ((x - mean) / np.sqrt(var + self.eps))

    def grad_beta(self, g):
        return g

    def grad_mean(self, g, gamma, var):
        return -g * (gamma / np.sqrt(var + self.eps))

    def grad_var(self, g, x, gamma, mean, var):
        return g * (x - mean) * (gamma * (-0.5 / ((var + self.eps) * np.sqrt(var + self.eps))))

    def composed(self, x, gamma, beta, mean, var):
        return gamma * ((x - mean) / np.sqrt(var + self.eps)) + beta
