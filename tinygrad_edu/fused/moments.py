"""Means, variances and sums of products of large arrays: what the fast paths of the norms share.

BLAS takes the sums, of pieces that stay in the cache, and those of the pieces are added in float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from .blocks import blocks, by_channel, scratch_for

Sums = Sequence[np.ndarray]

BLOCK_BYTES = 256 * 1024
"""Of one array: the norms work on three at a time, in calls so short that smaller blocks cost more than they save."""
LEAST = 32768
"""How many elements an array needs, or the plain form is faster."""
LONGEST = 65536
"""How many numbers BLAS may add in float32 without a loss of digits that shows."""


def is_large(x: np.ndarray, *others: np.ndarray | None) -> bool:
    """Whether a fast path may take x: it is large, lies in memory without gaps, and all are of one dtype, float32 or float64."""
    return (
        x.size >= LEAST
        and x.flags.c_contiguous
        and x.dtype.char in "fd"
        and x.dtype.isnative
        and all(other is None or other.dtype == x.dtype for other in others)
    )


def moments(sums: Callable[[np.ndarray | None], Sums], n: int, dtype: np.dtype) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """(mean, rest, var) of n numbers x each, where mean + rest is their mean, and mean is None for 0.

    sums(mean) gives the sums of x - mean and of its squares. About 0, var = sum(x**2) / n - rest**2 loses no digits as long as the
    mean is small beside the standard deviation. Where it is not, the sums are taken again about the mean that they gave. Rounding has
    left that a little off, and rest says how much.
    """
    mean = None
    for _ in range(3):
        with np.errstate(over="ignore"):        # then var is inf, and about the mean it may be finite
            total, squares = sums(mean)
        rest = total / n
        square = rest * rest
        var = squares / n - square
        if not ((square > var) | (var == np.inf)).any():
            return mean, rest, var
        about, mean = mean, (rest if mean is None else mean + rest).astype(dtype)
    return about, rest, np.maximum(var, 0)      # of constants, and of what cannot be told from them


def kept_moments(
    mean: np.ndarray | None, rest: np.ndarray, var: np.ndarray, dtype: np.dtype, shape: tuple[int, ...]
) -> dict[str, np.ndarray]:
    """What moments found, as a node keeps it: in the dtype of x, and in a shape that broadcasts to x."""
    mean = np.zeros(len(rest), dtype) if mean is None else mean
    return {name: values.astype(dtype, copy=False).reshape(shape) for name, values in (("mean", mean), ("rest", rest), ("var", var))}


def sums_of_rows(x: np.ndarray, mean: np.ndarray | None = None, g: np.ndarray | None = None) -> Sums:
    """For each row of x the sum of g and that of g * (x - mean), where g is x - mean if it is not given."""
    total, products = np.empty((2, len(x)), x.dtype)
    scratch = scratch_for(x, 0 if mean is None else BLOCK_BYTES)
    ones = ones_of(x.shape[1], x.dtype)
    for rows in blocks(len(x), x[0].nbytes, BLOCK_BYTES):
        centered = x[rows] if mean is None else np.subtract(x[rows], mean[rows, None], out=scratch[: rows.stop - rows.start])
        left = centered if g is None else g[rows]
        np.matmul(left, ones, out=total[rows])
        np.vecdot(left, centered, out=products[rows])
    return total.astype(np.float64), products.astype(np.float64)


def sums_of_columns(x: np.ndarray, mean: np.ndarray | None = None, g: np.ndarray | None = None) -> Sums:
    """For each column of x the sum of g and that of g * (x - mean), where g is x - mean if it is not given."""
    total, products = np.zeros((2, x.shape[1]))
    scratch = scratch_for(x, BLOCK_BYTES)
    for rows in blocks(len(x), x[0].nbytes, BLOCK_BYTES):
        n = rows.stop - rows.start
        centered = x[rows] if mean is None else np.subtract(x[rows], mean, out=scratch[:n])
        left = centered if g is None else g[rows]
        ones = ones_of(n, x.dtype)
        total += ones @ left
        products += ones @ np.multiply(left, centered, out=scratch[:n])
    return total, products


def sums_of_channels(x: np.ndarray, mean: np.ndarray | None = None, g: np.ndarray | None = None) -> Sums:
    """For each channel of x (N, C, ...) the sum of g and that of g * (x - mean), where g is x - mean if it is not given."""
    samples, channels, size = by_channel(x).shape
    if size < 32:               # too short for BLAS: first the sums over the samples
        shape = samples, channels * size
        sums = sums_of_columns(x.reshape(shape), None if mean is None else np.repeat(mean, size), None if g is None else g.reshape(shape))
        total, products = (each.reshape(channels, size).sum(axis=1) for each in sums) if size > 1 else sums
    else:
        shape = samples * channels, size
        sums = sums_of_rows(x.reshape(shape), None if mean is None else np.tile(mean, samples), None if g is None else g.reshape(shape))
        total, products = (each.reshape(samples, channels).sum(axis=0) for each in sums)
    return total, products


def sums_both_ways(
    g: np.ndarray, x: np.ndarray, gamma: np.ndarray, inv_std: np.ndarray, mean: np.ndarray | None = None, rest: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The sums that the gradients of a norm of rows consist of, where h = g * gamma and x_hat = (x - mean - rest) * inv_std.

    Returns for each row the sums of h and of h * (x - mean), then for each column those of g and of g * x_hat. Those of h and g are 0
    if rest is None, for a norm that does not subtract the mean.
    """
    of_h, of_products = np.zeros((2, len(x)), x.dtype)
    of_g, of_x_hat = np.zeros((2, x.shape[1]))
    weights = None if rest is None else np.array([np.ones_like(rest), -rest * inv_std], x.dtype)
    inv_std = inv_std.astype(x.dtype)
    scratch = scratch_for(x, BLOCK_BYTES)
    for rows in blocks(len(x), x[0].nbytes, BLOCK_BYTES):
        products = scratch[: rows.stop - rows.start]
        centered = x[rows] if mean is None else np.subtract(x[rows], mean[rows, None], out=products)
        np.multiply(g[rows], centered, out=products)
        np.matmul(products, gamma, out=of_products[rows])
        of_x_hat += inv_std[rows] @ products
        if weights is not None:
            np.matmul(g[rows], gamma, out=of_h[rows])
            sums = weights[:, rows] @ g[rows]
            of_g += sums[0]
            of_x_hat += sums[1]
    return of_h.astype(np.float64), of_products.astype(np.float64), of_g, of_x_hat


@lru_cache(maxsize=64)
def ones_of(n: int, dtype: np.dtype) -> np.ndarray:
    """n ones; a product with them is a sum, by BLAS."""
    ones = np.ones(n, dtype)
    ones.flags.writeable = False
    return ones
