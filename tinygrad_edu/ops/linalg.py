"""Products of matrices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..engine.op import Op, implements
from ..engine.tensor import Tensor
from .shape import expand_dims, ndim, squeeze


class MatMul(Op):
    """Matrix product over the last two axes; the axes before them broadcast.

    out = a @ b

    Shapes    a (..., n, k), b (..., k, m), out (..., n, m); vectors are made matrices by matmul.
    Gradient  dL/da = g @ b.T    (n, m) @ (m, k)
              dL/db = a.T @ g    (k, n) @ (n, m)
    Keeps     b for dL/da and a for dL/db.
    Source    Giles (2008), Collected matrix derivative results for forward and reverse
              mode algorithmic differentiation.
    """

    broadcasts = True

    def forward(self, a, b):
        return product(a, b)

    def grad_a(self, g, b):
        return product(g, transposed(b))

    def grad_b(self, g, a, b_shape):
        if len(b_shape) == 2 < len(a.shape):    # one matrix for a whole batch: one product in place of a batch of them and a sum
            rows = math.prod(a.shape[:-1])          # not -1, which a product of size 0 leaves open
            return product(a.reshape(rows, a.shape[-1]).T, g.reshape(rows, g.shape[-1]))
        return product(transposed(a), g)

    def mismatch(self, a_shape, b_shape):
        if len(a_shape) < 2 or len(b_shape) < 2:
            return "each needs at least one axis"
        if a_shape[-1] != b_shape[-2]:
            return f"the last axis of a ({a_shape[-1]}) and the second to last of b ({b_shape[-2]}) must be equal"
        return f"the axes before the last two, {a_shape[:-2]} and {b_shape[:-2]}, do not broadcast"


_MATMUL = MatMul()


@implements(np.matmul)
def matmul(a: Any, b: Any) -> Tensor:
    """The matrix product a @ b. A vector on the left is a row, on the right a column, and that axis is not in the result.

    >>> matmul(Tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor([1.0, 1.0]))
    Tensor([3., 7.])
    """
    if ndim(a) != 1 != ndim(b):
        return _MATMUL(a, b)
    row, column = ndim(a) == 1, ndim(b) == 1
    if row:
        a = expand_dims(a, 0)
    if column:
        b = expand_dims(b, 1)
    out = _MATMUL(a, b)
    return squeeze(out, (-2, -1) if row and column else -2 if row else -1)


def product(a: Any, b: Any) -> Any:
    """a @ b in forwards and rules."""
    if type(a) is np.ndarray is type(b) and a.ndim == 2 == b.ndim:
        return a.dot(b)                 # the same product, with half the overhead of @
    return a @ b


def transposed(a: Any) -> Any:
    """The last two axes exchanged, in forwards and rules."""
    return a.T if len(a.shape) == 2 else a.swapaxes(-1, -2)
