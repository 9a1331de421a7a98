"""Rows of a table, by number."""

from __future__ import annotations

import numpy as np

from ..engine.op import Fused
from ..engine.tensor import Tensor
from ..ops.index import ARRAY, scatter
from .blocks import blocks


class Embedding(Fused):
    """Rows of weight, by their numbers.

    out[i] = weight[indices[i]]

    Shapes    indices (...) integers from 0 to n - 1, weight (n, d), out (..., d).
    Gradient  dL/dweight[j] = sum of g[i] over the i with indices[i] = j; 0 for j = padding_idx, which is -1 for none.
    Keeps     indices, and the shape of weight.
    Source    Bengio et al. (2003), A neural probabilistic language model, section 2.
    """

    padding_idx: int = -1
    constants = ("indices",)

    def forward(self, indices, weight):
        return weight.take(indices, axis=0)

    def grad_weight(self, g, indices, weight_shape):
        if self.padding_idx >= 0:
            g = np.where((indices == self.padding_idx).reshape((*indices.shape, 1)), 0, g)
        if isinstance(g, Tensor):
            return scatter(g, (ARRAY,), (indices,), weight_shape)
        grad = np.zeros(weight_shape, g.dtype)
        add_rows(grad, indices.reshape(-1), g.reshape(indices.size, weight_shape[1]))
        return grad

    def composed(self, indices, weight):
        out = weight[indices]
        if self.padding_idx < 0:
            return out
        return np.where((indices == self.padding_idx).reshape((*indices.shape, 1)), out.detach(), out)


def add_rows(out: np.ndarray, indices: np.ndarray, rows: np.ndarray) -> None:
    """out[indices[i]] += rows[i] for each i, in place, also where an index repeats; in the same order each time.

    Rows for different places are added at once, again and again, as long as these are many of those that are left. np.add.at,
    which takes any, is three times slower; and slower still unless it is given flat arrays.
    """
    indices = indices.astype(np.intp, copy=False)
    writer = np.empty(len(out), np.intp)
    left = np.arange(len(indices))
    while left.size:
        to = indices[left]
        writer[to] = left
        last = writer[to] == left           # of the rows for one place, NumPy writes the last one last
        if 4 * np.count_nonzero(last) < left.size:
            break
        out[to[last]] += rows[left[last]]
        left = left[~last]
    flat, columns = out.reshape(-1), np.arange(out.shape[1])
    for piece in blocks(left.size, 8 * out.shape[1]):
        places = indices[left[piece]][:, None] * out.shape[1] + columns
        np.add.at(flat, places.reshape(-1), rows[left[piece]].reshape(-1))
