"""Affine functions of large arrays, in pieces that stay in the cache: (x - mean) * scale + shift + g * factor.

mean is None for 0, and so are g and its factor. NumPy multiplies a piece by as many coefficients in half the time that it needs to
repeat one coefficient, or one row of them. The result owns its memory: a view would be copied before it becomes a gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .blocks import blocks, by_channel, scratch_for
from .moments import BLOCK_BYTES

Matrix = tuple[np.ndarray, np.ndarray]
"""Two narrow factors, left (rows, 2) and right (2, columns), of a matrix of coefficients that is never made as a whole."""


def affine_by_channel(
    x: np.ndarray,
    mean: np.ndarray | None,
    scale: np.ndarray,
    shift: np.ndarray,
    g: np.ndarray | None = None,
    factor: np.ndarray | None = None,
) -> np.ndarray:
    """The affine function of arrays (N, C, ...), with coefficients for each channel."""
    result = np.empty_like(x)
    x, out, g = by_channel(x), by_channel(result), None if g is None else by_channel(g)
    samples, channels, size = x.shape
    step = min(samples, max(1, BLOCK_BYTES // x[0].nbytes))       # samples in a block; if it is 1, a block is some channels of one sample
    repeated = samples >= 4 * step
    for piece in blocks(channels, size * x.itemsize, BLOCK_BYTES):
        shape = (step, piece.stop - piece.start, size)
        of_piece: list[Any] = [None if values is None else values[None, piece, None].astype(x.dtype) for values in (mean, scale, shift, factor)]
        if repeated:
            of_piece = [None if values is None else np.broadcast_to(values, shape).copy() for values in of_piece]
        means, scales, shifts, factors = of_piece
        scratch = np.empty(shape if g is not None else 0, x.dtype)
        for rows in blocks(samples, 1, step):
            n = rows.stop - rows.start
            block, into = x[rows, piece], out[rows, piece]
            if means is not None:
                block = np.subtract(block, means[:n], out=into)
            np.multiply(block, scales[:n], out=into)
            if g is not None:
                into += np.multiply(g[rows, piece], factors[:n], out=scratch[:n])
            into += shifts[:n]
    return result


def affine_by_row(
    x: np.ndarray,
    size: int,
    mean: np.ndarray | None,
    scale: Matrix,
    shift: Matrix | None = None,
    g: np.ndarray | None = None,
    factor: Matrix | None = None,
) -> np.ndarray:
    """The affine function of arrays in rows of size elements, with a mean for each row; shift is None for 0, too."""
    result = np.empty_like(x)
    x, out, g = x.reshape(-1, size), result.reshape(-1, size), None if g is None else g.reshape(-1, size)
    scratch = scratch_for(x, BLOCK_BYTES)

    for rows in blocks(len(x), x[0].nbytes, BLOCK_BYTES):
        block, into, coefficients = x[rows], out[rows], scratch[: rows.stop - rows.start]
        if mean is not None:
            block = np.subtract(block, mean[rows, None], out=into)
        np.multiply(block, _part(scale, rows, coefficients), out=into)
        if g is not None and factor is not None:
            into += np.multiply(g[rows], _part(factor, rows, coefficients), out=coefficients)
        if shift is not None:
            into += _part(shift, rows, coefficients)
    return result


def matrix(rows: int, columns: int, dtype: np.dtype, *terms: tuple) -> Matrix:
    """The matrix of column[:, None] * row, summed over one or two terms (column, row)."""
    left, right = np.zeros((rows, 2), dtype), np.zeros((2, columns), dtype)     # two always: a product of one is far slower
    for i, (column, row) in enumerate(terms):
        left[:, i] = column
        right[i] = row
    return left, right


def _part(coefficients: Matrix, rows: slice, out: np.ndarray) -> np.ndarray:
    left, right = coefficients
    return np.matmul(left[rows], right, out=out)
