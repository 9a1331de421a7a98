"""Rows of a table, by number."""

from __future__ import annotations

import numpy as np

from ..engine.op import Fused
from ..engine.tensor import Tensor
from ..ops.index import ARRAY, add_rows, scatter


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
