"""Softmax and cross entropy in one."""

from __future__ import annotations

import numpy as np

from ..engine.op import Fused
from ..engine.tensor import wrap
from .blocks import BLOCK_BYTES, blocks, row_sums
from .log_softmax import LogSoftmax


class CrossEntropy(Fused):
    """Cross entropy between the softmax of logits and labels.

    out = -sum over n, c of share[n, c] * log_softmax(logits)[n, c]

    share is 1 at the label of row n and 0 elsewhere; with label_smoothing s it is 1 - s + s / C and s / C. It is multiplied by the
    weight of class c, is 0 in rows whose label is ignore_index, and for reduction "mean" is divided by the sum of the weights of the
    labels that count. With reduction "none" out is not summed over n.

    Shapes    logits (N, C), target (N,) integers, weight (C,) or None, out () or (N,).
    Gradient  dL/dlogits = g * (softmax(logits) * sum over c of share - share)
    Keeps     logits, target and weight, with largest, the largest logit, and total, the sum of exp(logits - largest), one number a row;
              the softmax is computed again: exp(logits - largest) / total.
    Source    Bishop (2006), Pattern recognition and machine learning, equation 4.109; Szegedy et al. (2016),
              arXiv:1512.00567, section 7, for label smoothing.
    """

    reduction: str = "mean"
    ignore_index: int = -100
    label_smoothing: float = 0.0
    constants = ("target", "weight")

    def forward(self, logits, target, weight):
        place, own, spread = self._parts(logits, target, weight)
        largest, total, of_all = (np.empty(len(logits), logits.dtype) for _ in range(3))
        for rows in blocks(len(logits), logits[:1].nbytes, 2 * BLOCK_BYTES):
            by_class = _by_class(logits[rows])
            np.maximum.reduce(by_class, axis=0, out=largest[rows])
            shifted = by_class - largest[rows]
            if self.label_smoothing:
                of_all[rows] = _weighted_sum(shifted, weight)
            total[rows] = row_sums(np.exp(shifted, out=shifted).T)[:, 0]
        log_sum, of_label = np.log(total), logits.reshape(-1)[place] - largest
        # A class without a share may have the logit -inf, and 0 * inf is NaN.
        losses = own * np.where(own == 0, 0, log_sum - of_label)
        if self.label_smoothing:
            losses += spread * np.where(spread == 0, 0, _sum(weight, logits) * log_sum - of_all)
        kept = {"largest": largest[:, None], "total": total[:, None]}
        return (losses if self.reduction == "none" else losses.sum()), kept

    def backward(self, g, logits, target, weight, largest, total):
        place, own, spread = self._parts(logits, target, weight)
        factor = g * (own + spread * _sum(weight, logits)) / total[:, 0]
        grad = np.empty(logits.shape, logits.dtype)
        for rows in blocks(len(logits), logits[:1].nbytes, 2 * BLOCK_BYTES):
            by_class = _by_class(logits[rows])
            out = grad[rows].T if by_class.base is not None else by_class       # of many classes grad itself, of a few the copy
            np.subtract(by_class, largest[rows, 0], out=out)
            np.exp(out, out=out)
            out *= factor[rows]
            if out is by_class:
                grad[rows] = out.T
        grad.reshape(-1)[place] -= g * own
        if self.label_smoothing:
            grad -= np.multiply.outer(g * spread, np.ones(logits.shape[1], logits.dtype) if weight is None else weight)
        return grad, None, None

    def composed(self, logits, target, weight):
        share = wrap(self.shares(logits, target.data, None if weight is None else weight.data))
        losses = -np.sum(share * np.where(share == 0, 0, LogSoftmax(1).composed(logits)), axis=1)
        return losses if self.reduction == "none" else np.sum(losses)

    def shares(self, logits, target, weight):
        """How much -log_softmax(logits)[n, c] counts: the target as a distribution, with weights and reduction."""
        place, own, spread = self._parts(logits, target, weight)
        share = np.multiply.outer(spread, np.ones(logits.shape[1], logits.dtype) if weight is None else weight)
        share.reshape(-1)[place] += own
        return share

    def _parts(self, logits, target, weight):
        """Where in logits the labels are, their own shares, and what each class of a row gets for each unit of its weight."""
        counts = target != self.ignore_index
        label = np.where(counts, target, 0)
        counts = counts.astype(logits.dtype)
        own = counts if weight is None else counts * weight[label]
        total = own.sum() if self.reduction == "mean" else 1
        spread = counts * (self.label_smoothing / logits.shape[1]) / total if self.label_smoothing else np.zeros_like(counts)
        return np.arange(0, logits.size, logits.shape[1]) + label, own * (1 - self.label_smoothing) / total, spread


def _by_class(logits):
    """The transpose; of a few classes as a copy, because operations on rows of a few elements are slow."""
    return np.ascontiguousarray(logits.T) if logits.shape[1] <= 32 else logits.T


def _sum(weight, logits):
    """The weights of all classes together."""
    return logits.shape[1] if weight is None else np.sum(weight)


def _weighted_sum(by_class, weight):
    """The sum of each column, each class times its weight."""
    return np.sum(by_class if weight is None else np.where(weight == 0, 0, by_class.T * weight).T, axis=0)
