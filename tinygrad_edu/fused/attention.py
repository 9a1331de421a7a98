"""Scaled dot-product attention, a block of queries at a time."""

from __future__ import annotations

import math

import numpy as np

from ..engine.op import Fused
from ..ops.linalg import transposed
from .blocks import blocks, row_sums

QUERIES = 128
"""How many queries a block has: enough for its products to run at full speed, and so few that causal attention skips nearly half."""


class ScaledDotProductAttention(Fused):
    """For each query the mean of the values, weighted by how well their keys match it; in one node that never holds all weights.

    out = weights @ v    weights = softmax(scores)    scores = scale * q @ k.T + mask

    The softmax is over the keys. A mask of bools hides a key from a query where it is False, as -inf does in one of numbers; with
    causal, query i sees the keys up to i only. A query from which all keys are hidden has weights 0. With a dropout_mask, weights are 0
    where it is False, and divided by 1 - p elsewhere.

    Shapes    q (..., L, E), k (..., S, E), v (..., S, D), mask and dropout_mask (..., L, S) or None, out (..., L, D).
              The axes before the last two broadcast, and so do all axes of the masks.
    Gradient  dL/dv = weights.T @ g
              dL/dscores = weights * (g @ v.T - sum(g * out)), and dL/dmask is the same
              dL/dq = scale * dL/dscores @ k
              dL/dk = scale * dL/dscores.T @ q
              The subtracted sum, one number a query, is the path through the normalization of the weights. With dropout it is the
              dropped weights in dL/dv, and their factor, 0 or 1 / (1 - p), at g @ v.T.
    Keeps     the inputs and out, with largest and total of the softmax, one number a query each; the weights are computed again.
    Source    Vaswani et al. (2017), arXiv:1706.03762, section 3.2.1; Dao et al. (2022), arXiv:2205.14135, appendix B, for blocks
              and for sum(g * out). They keep largest + log(total), which loses the digits of total where scores are large.

    Forward and backward see the scores of a block of queries at a time, so beside a mask their memory is linear in L and in S.
    """

    scale: float
    causal: bool = False
    p: float = 0.0
    constants = ("dropout_mask",)
    broadcasts = True
    real = True

    def forward(self, q, k, v, mask, dropout_mask):
        batch = _batch(q, k, v, mask, dropout_mask)
        q, k, v = (_as_matrices(x, batch) for x in (self.scale * q, k, v))
        out = np.empty((*q.shape[:-1], v.shape[-1]), np.result_type(q, k, v))
        largest, total = np.empty((2, *q.shape[:-1], 1), out.dtype)
        for members, queries, keys, scores, factor in self._blocks(batch, q, k, mask, dropout_mask):
            top = np.max(scores, axis=-1, keepdims=True, initial=-np.inf)
            top[top == -np.inf] = 0                                         # -inf - -inf is NaN
            scores -= top
            powers = np.exp(scores, out=scores)
            largest[members, queries], total[members, queries] = top, row_sums(powers)
            if factor is not None:
                powers *= factor
            np.matmul(powers, v[members, keys], out=out[members, queries])
        total[total == 0] = 1                                               # all keys are hidden
        out /= total
        return out.reshape(*batch, *out.shape[1:]), {"largest": largest, "total": total}

    def backward(self, g, q, k, v, mask, dropout_mask, out, largest, total, needs):
        batch = out.shape[:-2]
        q, k, v, out, g = (_as_matrices(x, batch) for x in (self.scale * q, k, v, out, g))
        g = g / total                                                       # so that powers stand for weights
        through_total = row_sums(g, out)
        grad_q, grad_k, grad_v = np.empty(q.shape, q.dtype), np.zeros(k.shape, k.dtype), np.zeros(v.shape, v.dtype)
        grad_mask = np.zeros(mask.shape, mask.dtype) if needs[3] else None
        for members, queries, keys, scores, factor in self._blocks(batch, q, k, mask, dropout_mask):
            scores -= largest[members, queries]
            powers = np.exp(scores, out=scores)
            grad_scores = g[members, queries] @ transposed(v[members, keys])
            if factor is not None:
                grad_scores *= factor
            grad_scores -= through_total[members, queries]
            grad_scores *= powers
            np.matmul(grad_scores, k[members, keys], out=grad_q[members, queries])
            grad_k[members, keys] += transposed(grad_scores) @ q[members, queries]
            if factor is not None:
                powers *= factor
            grad_v[members, keys] += transposed(powers) @ g[members, queries]
            if grad_mask is not None:
                _Mask(grad_mask, batch).add(grad_scores, members, queries, keys)
        grad_q *= self.scale
        return *(grad.reshape(*batch, *grad.shape[1:]) for grad in (grad_q, grad_k, grad_v)), grad_mask, None

    def composed(self, q, k, v, mask, dropout_mask):
        return self.weights(q, k, mask, dropout_mask) @ v

    def weights(self, q, k, mask, dropout_mask):
        """The weights of all keys for all queries, from primitives."""
        scores = (self.scale * q) @ k.swapaxes(-1, -2)
        if self.causal:
            scores = np.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf)
        if mask is not None:
            scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
        largest = np.max(scores.data, axis=-1, keepdims=True, initial=-np.inf)
        powers = np.exp(scores - np.where(largest == -np.inf, 0, largest))
        total = np.sum(powers, axis=-1, keepdims=True)
        weights = powers / np.where(total == 0, 1, total)
        return weights if dropout_mask is None else np.where(dropout_mask, weights * self._dropout_scale, 0)

    def _blocks(self, batch, q, k, mask, dropout_mask):
        """Blocks of scores, one after the other: members of the batch, some of their queries, the keys that those see, the scores
        themselves, and the factor that dropout gives to each weight, or None."""
        mask, dropout_mask = (None if x is None else _Mask(x, batch) for x in (mask, dropout_mask))
        for members in blocks(len(q), min(QUERIES, q.shape[1]) * k.shape[1] * q.itemsize):
            for queries in blocks(q.shape[1], 1, QUERIES):
                keys = slice(0, min(queries.stop, k.shape[1]) if self.causal else k.shape[1])
                scores = q[members, queries] @ transposed(k[members, keys])
                if mask is not None:
                    shown = mask.block(members, queries, keys)
                    if shown.dtype == bool:
                        np.copyto(scores, -np.inf, where=~shown)
                    else:
                        scores += shown
                if self.causal:
                    later = np.arange(queries.start, keys.stop) > np.arange(queries.start, queries.stop)[:, None]
                    np.copyto(scores[..., queries.start :], -np.inf, where=later)
                factor = None
                if dropout_mask is not None:
                    factor = dropout_mask.block(members, queries, keys) * q.dtype.type(self._dropout_scale)
                yield members, queries, keys, scores, factor

    @property
    def _dropout_scale(self) -> float:
        return 0.0 if self.p == 1 else 1 / (1 - self.p)


def _batch(*inputs):
    """The axes before the last two, broadcast."""
    return np.broadcast_shapes(*[x.shape[:-2] for x in inputs if x is not None])


def _as_matrices(x, batch):
    """x broadcast to the axes of batch, and these as one axis; in C order, as products are quickest."""
    if x.shape[:-2] != batch:
        x = np.broadcast_to(x, (*batch, *x.shape[-2:]))
    return np.ascontiguousarray(x.reshape(math.prod(batch), *x.shape[-2:]))


class _Mask:
    """A mask that broadcasts to the scores, block by block."""

    def __init__(self, mask, batch):
        *outer, self.rows, self.columns = mask.shape
        matrices = math.prod(outer)
        self.matrices = mask.reshape(matrices, self.rows, self.columns)
        self.of_member = np.broadcast_to(np.arange(matrices).reshape(outer), batch).reshape(-1)

    def place(self, members, queries, keys):
        """Where in matrices is what belongs to a block of scores."""
        return self.of_member[members], queries if self.rows > 1 else slice(None), keys if self.columns > 1 else slice(None)

    def block(self, members, queries, keys):
        return self.matrices[self.place(members, queries, keys)]

    def add(self, values, members, queries, keys):
        """Add values, those of a block of scores; their sums, where the mask is repeated."""
        repeated = tuple([axis for axis, n in ((-2, self.rows), (-1, self.columns)) if n == 1])
        matrices, *place = self.place(members, queries, keys)
        for i, value in zip(matrices, np.sum(values, axis=repeated, keepdims=True)):
            self.matrices[i, *place] += value
