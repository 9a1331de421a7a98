"""Distances between all pairs of two sets of vectors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..engine.op import Fused
from ..engine.tensor import Tensor, wrap
from ..errors import DTypeError, ShapeError
from ..ops.index import add_rows
from ..ops.operands import as_tensor
from ..ops.shape import broadcast_to
from .blocks import blocks
from .norm import Norm

BLOCK_BYTES = 512 * 1024
"""Of differences, or of distances."""

LEAST_COLUMNS = 8
"""Of vectors that are shorter the differences cost no more than a product of matrices does."""

NEAR = 0.1
"""Two vectors are near each other where the square of their distance is not more than this part of the sum of their squares."""


class CDist(Fused):
    """Distances between the vectors of one set and those of another.

    out[i, j] = norm(x1[i] - x2[j]) = (sum of |x1[i, k] - x2[j, k]|**p over k)**(1 / p)

    Shapes    x1 (..., n, d), x2 (..., m, d), out (..., n, m); the axes before the last two are equal.
    Gradient  dL/dx1[i] = sum of t[i, j] over j
              dL/dx2[j] = -sum of t[i, j] over i
              with t[i, j] = g[i, j] * the gradient of the norm of x1[i] - x2[j], which is 0 where that is 0; see Norm.
    Keeps     x1, x2 and out.
    Source    Higham (2002), Accuracy and stability of numerical algorithms, section 1.7, for what cancels in squares.

    The differences are made for a block of pairs at a time. For p = 2 most are not needed: a product of matrices gives
    |x1[i]|**2 + |x2[j]|**2 - 2 * x1[i] @ x2[j], after the mean of x2 is subtracted from both, and the gradients too. It loses as many
    digits as the first two have more than the result, so for pairs that are near each other the differences are made all the same.
    """

    p: float = 2.0
    real = True

    def forward(self, x1, x2):
        out = np.empty((*x1.shape[:-1], x2.shape[-2]), np.result_type(x1, x2))
        for a, b, result in zip(*map(_matrices, (x1, x2, out))):
            for rows, center, sizes in self.parts(a, b):
                a_rows, distances, near = a[rows], result[rows], None
                if center is not None:
                    squares = sizes - 2 * ((a_rows - center) @ (b - center).T)
                    near = _near(squares, sizes)
                    np.sqrt(np.maximum(squares, 0, out=squares), out=distances)
                for i, j, differences in _differences(a_rows, b, near):
                    distances[i, j] = self.norm(0).forward(differences)
        return out

    def backward(self, g, x1, x2, out):
        dtype = np.float32 if out.dtype == np.float16 else out.dtype
        grad_x1, grad_x2 = np.zeros(x1.shape, dtype), np.zeros(x2.shape, dtype)
        for dout, a, b, result, grad_a, grad_b in zip(*map(_matrices, (g, x1, x2, out, grad_x1, grad_x2))):
            for rows, center, sizes in self.parts(a, b):
                g_rows, distances, near = dout[rows], result[rows], None
                if center is not None:
                    near = _near(distances * distances, sizes)
                if near is not None:
                    weights = np.where(near, 0, g_rows) / np.where(near, 1, distances)      # t = weights * (x1 - x2)
                    a_rows, b_rows = a[rows] - center, b - center
                    grad_a[rows] = a_rows * np.add.reduce(weights, axis=1)[:, None] - weights @ b_rows
                    grad_b += b_rows * np.add.reduce(weights, axis=0)[:, None] - weights.T @ a_rows
                for i, j, differences in _differences(a[rows], b, near):
                    (t,) = self.norm(0).backward(g_rows[i, j], differences, distances[i, j])
                    if near is None:
                        grad_a[rows][i] += np.add.reduce(t, axis=2).T
                        grad_b[j] -= np.add.reduce(t, axis=1).T
                    else:
                        add_rows(grad_a[rows], i, t.T)
                        add_rows(grad_b, j, -t.T)
        return grad_x1, grad_x2

    def composed(self, x1, x2):
        differences = x1.reshape((*x1.shape[:-1], 1, x1.shape[-1])) - x2.reshape((*x2.shape[:-2], 1, *x2.shape[-2:]))
        return self.norm(differences.ndim - 1).composed(differences)

    def norm(self, axis: int) -> Norm:
        return Norm((axis,), False, self.p)

    def parts(self, a: np.ndarray, b: np.ndarray) -> Iterator[tuple[slice, Any, Any]]:
        """Blocks of rows of a: with the mean of b, and for each pair the sum of the squares of both, where products of matrices pay."""
        pay = self.p == 2 and a.shape[1] >= LEAST_COLUMNS and a.dtype == b.dtype != np.float16
        if not pay or not a.size or not b.size:
            yield slice(len(a)), None, None
            return
        with np.errstate(all="ignore"):     # what is infinite or NaN is near everything
            center = np.mean(b, axis=0)
            squares_of_a, squares_of_b = (np.vecdot(x, x) for x in (a - center, b - center))
            for rows in blocks(len(a), len(b) * b.itemsize, BLOCK_BYTES):
                yield rows, center, squares_of_a[rows, None] + squares_of_b


def _matrices(x: np.ndarray) -> np.ndarray:
    """x with the axes before the last two taken together as one."""
    return x.reshape(math.prod(x.shape[:-2]), *x.shape[-2:])


def _near(squares: np.ndarray, sizes: np.ndarray) -> np.ndarray | None:
    """Which pairs are near each other, from the squares of their distances; None if these are so many that all may be taken for near."""
    near = ~(squares > NEAR * sizes)
    return near if 4 * np.count_nonzero(near) < near.size else None


def _differences(a: np.ndarray, b: np.ndarray, near: np.ndarray | None) -> Iterator[tuple[Any, Any, np.ndarray]]:
    """a[i] - b[j] for all pairs or for those that are near, a block at a time: i, j and the differences, whose elements are on axis 0.

    There, and not on the last axis, the steps along the last axis are many also where the vectors are short.
    """
    row_bytes = max(1, a.shape[1]) * a.itemsize
    if near is None:
        a, b = np.ascontiguousarray(a.T), np.ascontiguousarray(b.T)
        for columns in blocks(b.shape[1], row_bytes, BLOCK_BYTES):
            for rows in blocks(a.shape[1], (columns.stop - columns.start) * row_bytes, BLOCK_BYTES):
                yield rows, columns, a[:, rows, None] - b[:, None, columns]
    else:
        first, second = np.nonzero(near)
        for pairs in blocks(len(first), row_bytes, BLOCK_BYTES):
            i, j = first[pairs], second[pairs]
            yield i, j, (a[i] - b[j]).T


def cdist(x1: Any, x2: Any, p: float = 2.0) -> Tensor:
    """Distances between the vectors along the last axis of x1 and those of x2, each with each.

    out[..., i, j] = (sum of |x1[..., i, k] - x2[..., j, k]|**p over k)**(1 / p)

    Parameters
        x1, x2  tensors or arrays, (..., n, d) and (..., m, d); the axes before the last two broadcast.
        p       at least 0: 2 for Euclid's distance, 1 for the sum of the differences, inf for the largest, 0 for how many are not 0,
                which has no gradient.

    Shapes    the result (..., n, m). Memory grows as n * m, not as n * m * d.
    Returns a tensor. It keeps all digits that the differences have, as PyTorch does with "donot_use_mm_for_euclid_dist"; the gradient
    of a distance of 0 is 0.
    Raises ShapeError if the shapes do not fit, DTypeError if they are not of one dtype of real floating numbers, ValueError for p < 0.

    >>> cdist(Tensor([[0.0, 0.0], [3.0, 0.0]]), Tensor([[3.0, 4.0]]))
    Tensor([[5.],
            [4.]])
    """
    x1, x2 = as_tensor(x1), as_tensor(x2)
    if x1.dtype.kind != "f" or x1.dtype != x2.dtype:
        raise DTypeError(f"cdist: x1 has dtype {x1.dtype} and x2 has {x2.dtype}; they need to be of one dtype, of real floating numbers")
    if not p >= 0:
        raise ValueError(f"cdist: p={p}; it needs to be at least 0")
    try:
        lead = np.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    except ValueError:
        lead = None
    if lead is None or x1.ndim < 2 or x2.ndim < 2 or x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(
            f"cdist: x1 has shape {x1.shape} and x2 has shape {x2.shape}; they need the shapes (..., n, d) and (..., m, d), with axes "
            f"before the last two that broadcast"
        )
    x1, x2 = (x if x.shape[:-2] == lead else broadcast_to(x, (*lead, *x.shape[-2:])) for x in (x1, x2))
    if p == 0:
        return wrap(_unequal(x1.data, x2.data))
    return CDist(float(p))(x1, x2)


def _unequal(x1: np.ndarray, x2: np.ndarray) -> np.ndarray:
    """How many elements differ."""
    out = np.empty((*x1.shape[:-1], x2.shape[-2]), x1.dtype)
    for a, b, result in zip(*map(_matrices, (x1, x2, out))):
        for i, j, differences in _differences(a, b, None):
            result[i, j] = np.count_nonzero(differences, axis=0)
    return out
